"""Exact arithmetic for the prior: integers, whichever type carries them.

A decoder that computes one probability differently from the encoder decodes garbage, so every value here
is an integer, and every operation on it is exact in any order:

- activations and weights are int8 (±127), biases within ±BIAS_MAX;
- a dot product of K terms stays below 2²⁴ while K · 127² does, that is K ≤ MAX_TERMS;
- scaling is by powers of two, and rounding is floor(x + ½).

Activations stand for real numbers in sixteenths, weights in 1/WEIGHT_SCALE. Training carries the integers in
float32, where rounding can pass its gradient straight through; the frozen network carries them as int8 and
int32, which is what a processor multiplies fastest. The functions here take either and give the same
numbers, so the network that is trained *is* the integer network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

INT8 = 127
ACTIVATION_BITS = 4  # activations are in sixteenths,
WEIGHT_BITS = 7  # weights in 1/128,
STREAM_BITS = 7  # and so is the residual stream, kept finer than what enters a product
ACTIVATION_SCALE, WEIGHT_SCALE = 2**ACTIVATION_BITS, 2**WEIGHT_BITS
MAX_TERMS = (2**24 - 1) // INT8**2
BIAS_MAX = (
    2**20
)  # 512 in real numbers: no bias comes near; all sums stay far inside int32 (SPEC.md, section 9)
ROWS_AT_ONCE = 1024  # of the frozen network: intermediates stay in cache, and bounded for any picture


class _Floor(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:  # type: ignore[override]
        return torch.floor(x)

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:  # type: ignore[override]
        return grad


class _Within(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, low: int, high: int) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x)
        ctx.bounds = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (x,), (low, high) = ctx.saved_tensors, ctx.bounds
        outwards = ((x > high) & (grad < 0)) | ((x < low) & (grad > 0))
        return grad.masked_fill(outwards, 0), None, None


def within(x: Tensor, low: int, high: int) -> Tensor:
    """`x` within bounds, with a gradient beyond them, too, where it leads back: nothing gets stuck out there."""
    if x.is_floating_point():
        return _Within.apply(x, low, high)  # type: ignore[return-value]
    return x.clamp(low, high)


def round_half_up(x: Tensor) -> Tensor:
    """floor(x + ½) of floats, with the gradient of the identity."""
    return _Floor.apply(x + 0.5)  # type: ignore[return-value]


def scaled_down(x: Tensor, bits: int) -> Tensor:
    """floor(x / 2^bits + ½): a shift of integers; of floats, exact below 2²⁴ − 2^bits, with a gradient."""
    if x.is_floating_point():
        return round_half_up(x * 2.0**-bits)
    return (x + (1 << bits >> 1)).bitwise_right_shift_(bits)


def saturated(x: Tensor) -> Tensor:
    """Within ±127; integers as int8."""
    x = x.clamp(-INT8, INT8)
    return x if x.is_floating_point() else x.to(torch.int8)


def stream_to_int8(stream: Tensor) -> Tensor:
    """The residual stream as activations."""
    return saturated(scaled_down(stream, STREAM_BITS - ACTIVATION_BITS))


def sum_to_int8(total: Tensor) -> Tensor:
    """Sums of an `IntLinear` as activations."""
    return saturated(scaled_down(total, WEIGHT_BITS))


def sum_to_stream(total: Tensor) -> Tensor:
    """Sums of an `IntLinear` in units of the residual stream."""
    return scaled_down(total, ACTIVATION_BITS + WEIGHT_BITS - STREAM_BITS)


def _companded(level: int) -> int:
    size = math.floor(ACTIVATION_SCALE * math.log2(1 + abs(level)) + 0.5)
    return -size if level < 0 else size


# No logarithm here lies within 0.001 of a rounding boundary, so every machine's log2 gives this table.
_COMPANDED = torch.tensor([_companded(level) for level in range(-INT8, INT8 + 1)], dtype=torch.int8)


def compand(level: Tensor) -> Tensor:
    """Levels as activations: sign · 16 · log₂(1 + min(|v|, 127)), rounded, so within ±112; no gradient."""
    carrier = level.dtype if level.is_floating_point() else torch.int8
    if level.is_floating_point():
        level = level.round()  # training's straight-through levels are off by what float32 cannot hold
    index = level.clamp(-INT8, INT8).to(torch.int64).flatten() + INT8
    return _COMPANDED.to(level.device, carrier).index_select(0, index).reshape(level.shape)


def neighbourhoods(grid: Tensor, index: Tensor) -> Tensor:
    """Rows of `grid` [B, P, C] at `index` [n, k], side by side: [B, n, k·C]."""
    return grid.index_select(1, index.flatten()).reshape(len(grid), len(index), -1)


def by_rows(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """`function`, which treats every position for itself, of `x` [..., C]; integers a part at a time."""
    if x.is_floating_point():
        return function(x)
    rows = x.reshape(-1, x.shape[-1])
    if len(rows) <= ROWS_AT_ONCE:
        return function(x)
    out = torch.cat([function(part) for part in rows.split(ROWS_AT_ONCE)])
    return out.reshape(*x.shape[:-1], -1)
