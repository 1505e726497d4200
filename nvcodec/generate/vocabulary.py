"""2^18 tokens without a table of 2^18 rows: a token is read and written in parts (Yu et al. 2023, section 3.1).

Part f holds bits f·b … f·b + b − 1 of the token. A token's embedding is the sum of its parts'; the same tables,
transposed, are the heads. The first part is told from the transformer's state alone, every later one from the state
and the parts before it (next sub-token prediction: Luo et al. 2024, arXiv:2409.04410), for parts that are
drawn by themselves seldom make a token that there is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import LmConfig


class Vocabulary(nn.Module):
    """Tied embeddings and heads. Tokens are int64 of any shape `[…]`, states `[…, C]`, logits float32 `[…, F, 2^b]`."""

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.bits, self.factors = config.factor_bits, config.factors
        width = config.width
        self.table = nn.Parameter(torch.empty(config.factors, 1 << self.bits, width))
        self.bias = nn.Parameter(torch.zeros(config.factors, 1 << self.bits))
        nn.init.normal_(self.table, std=0.02)
        # What the parts before it add to the state of a part.
        self.from_state, self.from_parts = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)

    def split(self, tokens: Tensor) -> Tensor:
        """The parts `[…, F]` of tokens."""
        shifts = self.bits * torch.arange(self.factors, device=tokens.device)
        return tokens[..., None] >> shifts & ((1 << self.bits) - 1)

    def join(self, parts: Tensor) -> Tensor:
        """Mirror of `split`."""
        return (parts << self.bits * torch.arange(self.factors, device=parts.device)).sum(-1)

    def embed(self, tokens: Tensor) -> Tensor:
        """Embeddings `[…, C]`."""
        return self._embedded(self.split(tokens)).sum(-2)

    def logits(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Logits of all parts of `tokens`, each from the state and the parts before it."""
        before = self._embedded(self.split(tokens)[..., :-1]).cumsum(-2)  # [..., F - 1, C]
        told = torch.cat([states[..., None, :], self._told(states[..., None, :], before)], dim=-2)
        return torch.einsum("...fc,fkc->...fk", told, self.table.to(told.dtype)).float() + self.bias

    def part_logits(self, states: Tensor, parts: Tensor) -> Tensor:
        """Logits `[…, 2^b]` of the part that follows the first `parts` `[…, f]` of each token."""
        part = parts.shape[-1]
        if part:
            states = self._told(states, self._embedded(parts).sum(-2))
        return (states @ self.table[part].to(states.dtype).T).float() + self.bias[part]

    def bits_of(self, states: Tensor, tokens: Tensor) -> Tensor:
        """−log2 of the probability `[…]` of tokens."""
        return self.log_probability(states, tokens) / -math.log(2)

    def log_probability(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Natural logarithm of the probability `[…]` of tokens."""
        found = F.log_softmax(self.logits(states, tokens), dim=-1).gather(-1, self.split(tokens)[..., None])
        return found.squeeze(-1).sum(-1)

    def _embedded(self, parts: Tensor) -> Tensor:
        """Embeddings `[…, f, C]` of a token's first parts `[…, f]`."""
        rows = parts + (torch.arange(parts.shape[-1], device=parts.device) << self.bits)
        return F.embedding(rows, self.table.flatten(0, 1))

    def _told(self, states: Tensor, before: Tensor) -> Tensor:
        """States `[…, C]` that know the embeddings `[…, C]` of the parts before, which begin small."""
        known = F.layer_norm(before, before.shape[-1:])
        return states + self.out(F.gelu(self.from_state(states) + self.from_parts(known)))
