"""Exact arithmetic for the prior: integers carried in float32.

A decoder that computes one probability differently from the encoder decodes garbage, so every value here
is an integer whose float32 representation is exact, and every operation on it is exact in any order:

- activations and weights are int8 (±127), so that a product is exact even where a backend rounds the
  factors to bfloat16 or TF32;
- a dot product of K terms is exact while K · 127² < 2²⁴, that is K ≤ 1040, in any order of summation;
- scaling is by powers of two, and rounding is floor(x + ½).

Activations stand for real numbers in sixteenths, weights in 1/WEIGHT_SCALE. The same code trains: rounding
passes its gradient straight through, so the network that is trained *is* the integer network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

INT8 = 127
ACTIVATION_SCALE = 16
WEIGHT_SCALE = 128
STREAM_SCALE = 128  # the residual stream is kept finer than what enters a product
MAX_TERMS = (2**24 - 1) // INT8**2


class _Floor(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:  # type: ignore[override]
        return torch.floor(x)

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:  # type: ignore[override]
        return grad


def round_half_up(x: Tensor) -> Tensor:
    """floor(x + ½), with the gradient of the identity."""
    return _Floor.apply(x + 0.5)  # type: ignore[return-value]


def to_int8(x: Tensor) -> Tensor:
    """Round and saturate to ±127."""
    return round_half_up(x).clamp(-INT8, INT8)


def stream_to_int8(stream: Tensor) -> Tensor:
    """The residual stream, in 1/STREAM_SCALE, as int8 activations in sixteenths."""
    return to_int8(stream * (ACTIVATION_SCALE / STREAM_SCALE))


class IntLinear(nn.Module):
    """A linear layer of int8 activations by int8 weights; gives the exact integer sums.

    The sum stands for a real number in 1/(ACTIVATION_SCALE · WEIGHT_SCALE). Training keeps the weight as a
    real number in units of the grid; `freeze` replaces it by the integers themselves.
    """

    def __init__(self, inputs: int, outputs: int, *, gain: float = 1.0, bias: bool = True) -> None:
        super().__init__()
        if inputs > MAX_TERMS:
            raise ValueError(f"{inputs} inputs: sums of more than {MAX_TERMS} int8 products are not exact")
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * (gain / inputs**0.5))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.frozen = False

    def freeze(self) -> None:
        """Replace the real weights by the integers they stand for; from here on they are used as they are."""
        weight, bias = self.integers()
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
        self.frozen = True

    def integers(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias as integers (with a straight-through gradient while training)."""
        if self.frozen:
            return self.weight, self.bias
        weight = to_int8(self.weight * WEIGHT_SCALE)
        if self.bias is None:
            return weight, None
        return weight, round_half_up(self.bias * (WEIGHT_SCALE * ACTIVATION_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """`x` [..., K] integers in ±127 to sums [..., N]."""
        weight, bias = self.integers()
        return nn.functional.linear(x, weight, bias)


def sum_to_int8(total: Tensor) -> Tensor:
    """Sums of an IntLinear as int8 activations in sixteenths."""
    return to_int8(total * (1 / WEIGHT_SCALE))


def sum_to_stream(total: Tensor) -> Tensor:
    """Sums of an IntLinear in units of the residual stream."""
    return round_half_up(total * (STREAM_SCALE / (ACTIVATION_SCALE * WEIGHT_SCALE)))


class IntMlp(nn.Module):
    """stream + W₂ · relu(W₁ · stream), in integers."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.up = IntLinear(width, expansion * width)
        self.down = IntLinear(expansion * width, width, gain=0.3)

    def forward(self, stream: Tensor) -> Tensor:
        hidden = sum_to_int8(self.up(stream_to_int8(stream)).relu())
        return stream + sum_to_stream(self.down(hidden))
