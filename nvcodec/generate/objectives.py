"""What the transformer learns: tokens that were masked, or the next token. Both are told in bits per token.

Masked (MaskGIT, Chang et al. 2022, section 3.1; MAGVIT, Yu et al. 2022): a share cos(π u / 2) of a clip's tokens, u
uniform in 0…1, is masked, and the loss is that of the masked ones alone. Next (autoregressive): the loss is that of
every one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .transformer import Grid, TokenTransformer


@dataclass(frozen=True)
class LmLoss:
    """The loss, a scalar, and bits `[B, N]` of every token, zero where it does not count (`counted` [B, N] bool)."""

    loss: Tensor
    bits: Tensor
    counted: Tensor

    @property
    def bits_per_token(self) -> float:
        """Mean over the tokens that count."""
        return float(self.bits.detach().sum() / self.counted.sum())


def cosine_share(u: float | Tensor) -> Tensor:
    """The share of tokens that are masked when a share `u` in 0…1 of the way is gone: cos(π u / 2)."""
    return torch.cos(torch.as_tensor(u) * (math.pi / 2))


def draw_masks(shape: tuple[int, int], generator: torch.Generator, known: Tensor | None = None) -> Tensor:
    """Which of `[B, N]` tokens are masked, by the cosine schedule: at least one of each clip, none that are `known`.

    `known` [B, N] bool is what a clip is made from, such as its first latent frame; at least one must not be.
    """
    share = cosine_share(torch.rand(shape[0], 1, generator=generator))
    order = torch.rand(shape, generator=generator)
    if known is not None:
        order = order.masked_fill(known.cpu(), 2.0)
    free = (order < 2).sum(1, keepdim=True)
    count = (share * free).ceil().clamp_min(1)
    return order.argsort(1).argsort(1) < count


def masked_loss(model: TokenTransformer, tokens: Tensor, masked: Tensor, classes: Tensor, grid: Grid) -> LmLoss:
    """Loss of the `masked` [B, N] bool among `tokens` [B, N] int64, in nats per token."""
    bits = model.vocabulary.bits_of(model.all_at_once(tokens, masked, classes, grid), tokens)
    return _loss(torch.where(masked, bits, 0.0), masked)


def next_loss(model: TokenTransformer, tokens: Tensor, classes: Tensor, grid: Grid) -> LmLoss:
    """Loss of every one of `tokens` [B, N] int64 given those before it, in nats per token."""
    bits = model.vocabulary.bits_of(model.next_ones(tokens, classes, grid), tokens)
    return _loss(bits, torch.ones_like(tokens, dtype=torch.bool))


def without_some_classes(
    classes: Tensor, model: TokenTransformer, generator: torch.Generator, share: float | Tensor = 0.1
) -> Tensor:
    """Classes `[B]` of which a `share` is left out, by which guidance has a model without a class to lean on.

    `share` may be one for each, `[B]`.
    """
    dropped = torch.rand(classes.shape, generator=generator) < share
    return torch.where(dropped.to(classes.device), model.no_class, classes)


def _loss(bits: Tensor, counted: Tensor) -> LmLoss:
    return LmLoss(bits.sum() / counted.sum() * math.log(2), bits, counted)
