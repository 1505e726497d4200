"""2^18 tokens without a table of 2^18 rows: a token is read and written in parts (Yu et al. 2023, section 3.1).

Part f holds bits f·b … f·b + b − 1 of the token. A token's embedding is the sum of its parts'; the same tables,
transposed, are the heads. Given the transformer's state the parts are taken as independent.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import LmConfig


class Vocabulary(nn.Module):
    """Tied embeddings and heads. Tokens are int64 of any shape `[…]`, logits float32 `[…, F, 2^b]`."""

    def __init__(self, config: LmConfig) -> None:
        super().__init__()
        self.bits, self.factors = config.factor_bits, config.factors
        self.table = nn.Parameter(torch.empty(config.factors, 1 << self.bits, config.width))
        self.bias = nn.Parameter(torch.zeros(config.factors, 1 << self.bits))
        nn.init.normal_(self.table, std=0.02)

    def split(self, tokens: Tensor) -> Tensor:
        """The parts `[…, F]` of tokens."""
        shifts = self.bits * torch.arange(self.factors, device=tokens.device)
        return tokens[..., None] >> shifts & ((1 << self.bits) - 1)

    def join(self, parts: Tensor) -> Tensor:
        """Mirror of `split`."""
        return (parts << self.bits * torch.arange(self.factors, device=parts.device)).sum(-1)

    def embed(self, tokens: Tensor) -> Tensor:
        """Embeddings `[…, C]`."""
        rows = self.split(tokens) + (torch.arange(self.factors, device=tokens.device) << self.bits)
        return F.embedding(rows, self.table.flatten(0, 1)).sum(-2)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits of the parts, of states `[…, C]`."""
        return torch.einsum("...c,fkc->...fk", hidden, self.table.to(hidden.dtype)).float() + self.bias

    def bits_of(self, logits: Tensor, tokens: Tensor) -> Tensor:
        """−log2 of the probability `[…]` that `logits` give `tokens`."""
        return self.log_probability(logits, tokens) / -math.log(2)

    def log_probability(self, logits: Tensor, tokens: Tensor) -> Tensor:
        """Natural logarithm of the probability `[…]` that `logits` give `tokens`."""
        found = F.log_softmax(logits, dim=-1).gather(-1, self.split(tokens)[..., None])
        return found.squeeze(-1).sum(-1)
