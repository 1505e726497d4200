"""Lookup-free quantization: the sign of every latent dimension is a bit, the bits together are the token.

All of it from MAGVIT-v2 (Yu et al. 2023, arXiv:2310.05737), section 3.1. There is no codebook to look up in:
the vocabulary of 2^D tokens is the set of corners {−1, 1}^D. Every function here is pure and takes the D
dimensions last, `[..., D]`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

INDEX_BITS = 62  # a token is an int64


@dataclass(frozen=True)
class LfqConfig:
    """Weights of the terms that keep a vocabulary in use. The defaults are the paper's (appendix A).

    `groups` is how many parts of equal size the D dimensions fall into for the entropy penalty (see there):
    two of 2^9, into which the paper splits its 2^18 for the language model. `temperature` is τ of the soft
    assignment.
    """

    groups: int = 2
    temperature: float = 0.01  # MaskGIT's and MAGVIT's published configurations; the paper names none
    entropy_weight: float = 0.1
    entropy_boost: float = 3.0  # how many times heavier the entropy penalty starts
    boost_steps: int = 2000
    commitment_weight: float = 0.25


def quantize(latent: Tensor) -> Tensor:
    """sign(z) as exactly ±1, and −1 for zero (section 3.1), with the gradient of the identity.

    Any shape, finite values. The gradient passes straight through: z − z is zero in value and one in slope.
    """
    return _signs(latent).detach() + (latent - latent.detach())


def pack(latent: Tensor) -> Tensor:
    """Token indices `[...]` int64 of a latent, or of its signs, `[..., D]`.

    index = Σ 2^i · [z_i > 0] for i = 0 … D − 1 (section 3.1): dimension 0 is the least significant bit.

    >>> pack(torch.tensor([0.5, -2.0, 0.1]))
    tensor(5)

    Raises ValueError for more than INDEX_BITS dimensions.
    """
    dims = _checked(latent.shape[-1])
    powers = 2 ** torch.arange(dims, device=latent.device)
    return ((latent > 0) * powers).sum(-1)


def unpack(index: Tensor, dims: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Signs `[..., dims]` in ±1 of token indices `[...]`; the inverse of `pack`.

    Raises ValueError for an index outside 0 … 2^dims − 1 and for more than INDEX_BITS dimensions.
    """
    _checked(dims)
    if index.numel() and (int(index.min()) < 0 or int(index.max()) >= 2**dims):
        raise ValueError(f"a token of {dims} bits is not in 0…{2**dims - 1}: packed from more?")
    bits = index[..., None] >> torch.arange(dims, device=index.device) & 1
    return (2 * bits - 1).to(dtype)


def entropy_penalty(latent: Tensor, groups: int = 2, temperature: float = 0.01) -> Tensor:
    """E[H(q(z))] − H[E(q(z))] in nats (section 3.1): low where positions are sure and all tokens in use.

    `latent` is `[..., D]`; the expectation is over all positions given. q(c | z) ∝ exp(−‖z − c‖² / τ) over
    the corners c is a product of D independent bits with P(c_i = 1 | z) = sigmoid(4 z_i / τ). So the first
    term is exact, a sum over bits. The second is not a sum over bits, because the average of products is no
    product, and exactly it needs 2^D numbers a position. It is therefore taken exactly over each of `groups`
    parts of D / groups neighbouring dimensions (2^(D / groups) numbers a position) and added up. That sum is
    an upper bound of the true entropy, the looser the more groups, blind to dependence between groups: with
    `groups=1` nothing is approximated, with `groups=D` the bits alone are balanced.

    Raises ValueError when the groups do not divide D.
    """
    dims = latent.shape[-1]
    if groups < 1 or dims % groups:
        raise ValueError(f"{dims} dimensions do not fall into {groups} groups of equal size")
    logits = (latent * (4 / temperature)).reshape(-1, groups, dims // groups)  # [N, G, D/G]
    each = _bit_entropy(logits).sum((1, 2)).mean()
    average = _corner_probabilities(torch.sigmoid(logits)).mean(0)  # [G, 2^(D/G)]
    used = average.clamp_min(torch.finfo(average.dtype).tiny)  # at p = 0 the slope of −p log p is infinite
    return each - torch.special.entr(used).sum()


def commitment_loss(latent: Tensor) -> Tensor:
    """Mean squared distance of a latent to its own signs, which stand still (van den Oord et al. 2017)."""
    return (latent - _signs(latent).detach()).square().mean()


def entropy_weight(config: LfqConfig, step: int) -> float:
    """Weight of the entropy penalty at a training step: boosted at first, then linearly down to its rest."""
    left = max(0.0, 1 - step / config.boost_steps) if config.boost_steps else 0.0
    return config.entropy_weight * (1 + (config.entropy_boost - 1) * left)


def regularizer(latent: Tensor, config: LfqConfig = LfqConfig(), step: int = 0) -> Tensor:
    """What LFQ adds to the loss of a latent `[..., D]` at a step: weighted entropy and commitment."""
    entropy = entropy_penalty(latent, config.groups, config.temperature)
    return entropy_weight(config, step) * entropy + config.commitment_weight * commitment_loss(latent)


def _signs(latent: Tensor) -> Tensor:
    return (latent > 0).to(latent.dtype) * 2 - 1


def _bit_entropy(logits: Tensor) -> Tensor:
    """Entropy in nats of bits with P(1) = sigmoid(logits), stable where a probability rounds to 0 or 1."""
    sure = logits.abs()
    return torch.log1p(torch.exp(-sure)) + sure * torch.sigmoid(-sure)


def _corner_probabilities(ones: Tensor) -> Tensor:
    """Joint probabilities `[N, G, 2^K]`, in `pack`'s order, of independent bits, P(1) `ones` [N, G, K]."""
    joint = torch.ones_like(ones[..., :1])
    for bit in ones.split(1, -1):  # [N, G, 1]
        joint = torch.cat([joint * (1 - bit), joint * bit], -1)
    return joint


def _checked(dims: int) -> int:
    if not 1 <= dims <= INDEX_BITS:
        raise ValueError(f"a token has 1 to {INDEX_BITS} bits, not {dims}")
    return dims
