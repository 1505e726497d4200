"""Layers of int8 activations by int8 weights, and the exact product they are made of."""

from __future__ import annotations

import platform
from functools import lru_cache

import torch
from torch import Tensor, nn

from nvcodec.prior.fixed_point import (
    ACTIVATION_SCALE,
    BIAS_MAX,
    INT8,
    MAX_TERMS,
    WEIGHT_SCALE,
    by_rows,
    round_half_up,
    stream_to_int8,
    sum_to_int8,
    sum_to_stream,
)

_int_mm = torch._int_mm  # pyright: ignore[reportPrivateImportUsage]


def product(a: Tensor, b: Tensor, *, training: bool) -> Tensor:
    """Matrix product of integers `[..., n, K]` by `[..., K, m]` carried in float32, exact.

    Factors up to 2⁸ in size and sums below 2²⁴ are exact even where a backend rounds the factors to
    bfloat16 or TF32. While training, sums are rounded to bfloat16 too: four times as fast on a CPU, and
    what it changes is less than what the rounding to int8 after it does.
    """
    if training:
        return (a.bfloat16() @ b.bfloat16()).float()
    return a @ b


def int8_product(a: Tensor, weight: Tensor) -> Tensor:
    """`[..., N]` int32 = `a` [..., K] int8 times the transpose of `weight` [N, K] int8, exact."""
    rows = a.reshape(-1, a.shape[-1])
    if int8_is_exact():
        total = _int_mm(rows, weight.T)
    else:
        total = product(rows.float(), weight.float().T, training=False).to(torch.int32)
    return total.reshape(*a.shape[:-1], -1)


@lru_cache(maxsize=1)
def int8_is_exact() -> bool:
    """Whether `torch._int_mm` is fast and exact here; if not, float32 carries the same sums.

    It isn't everywhere: on x86 without VNNI, oneDNN adds pairs of products in 16 bits, which saturates; the
    largest factors show it at once. On other processors it may be a plain loop.
    """
    if platform.machine().lower() not in ("x86_64", "amd64") or not torch.backends.mkldnn.is_available():
        return False
    for n, k, m in ((1, 16, 8), (5, 196, 54), (225, 576, 128), (33, MAX_TERMS, 130)):
        largest = torch.full((k,), INT8, dtype=torch.int8)
        mixed = torch.where(torch.arange(k) % 3 > 0, largest, -largest)
        for left, right in ((largest, largest), (mixed, mixed), (largest, -largest), (-largest, largest)):
            a, b = left.expand(n, k).contiguous(), right.expand(m, k).contiguous()
            if not torch.equal(_int_mm(a, b.T).float(), product(a.float(), b.float().T, training=False)):
                return False
    return True


class IntLinear(nn.Module):
    """A linear layer of int8 activations by int8 weights; gives the exact integer sums.

    The sum stands for a real number in 1/(ACTIVATION_SCALE · WEIGHT_SCALE). Training keeps the weight as a
    real number in units of the grid; `freeze` replaces it by the integers themselves.
    """

    def __init__(self, inputs: int, outputs: int, *, gain: float = 1.0, bias: bool = True) -> None:
        super().__init__()
        if inputs > MAX_TERMS:
            raise ValueError(f"{inputs} inputs: sums of more than {MAX_TERMS} int8 products are not exact")
        # of standard deviation gain / √inputs; normal numbers, on the device "meta", would import 70 MB of algebra
        bound = gain * (3 / inputs) ** 0.5
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.frozen = False

    def freeze(self) -> None:
        """Replace the real weights by the integers they stand for; from here on they are used as they are."""
        weight, bias = self.integers()
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
        self.frozen = True

    def integers(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias as integers in float32 (with a straight-through gradient while training)."""
        if self.frozen:
            return self.weight, self.bias
        weight = round_half_up(self.weight * WEIGHT_SCALE).clamp(-INT8, INT8)
        if self.bias is None:
            return weight, None
        bias = round_half_up(self.bias * (WEIGHT_SCALE * ACTIVATION_SCALE))
        return weight, bias.clamp(-BIAS_MAX, BIAS_MAX)

    def forward(self, x: Tensor) -> Tensor:
        """`x` [..., K] integers in ±127 to sums [..., N]: int8 to int32 once frozen, else in float32."""
        weight, bias = self.integers()
        if x.is_floating_point():
            return product(x, weight.T, training=self.training) + (0 if bias is None else bias)
        total = int8_product(x, weight.to(torch.int8))
        return total if bias is None else total.add_(bias.to(torch.int32))


class IntMlp(nn.Module):
    """stream + W₂ · relu(W₁ · stream), in integers."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.up = IntLinear(width, expansion * width)
        self.down = IntLinear(expansion * width, width, gain=0.3)

    def forward(self, stream: Tensor) -> Tensor:
        """`stream` [..., C] in units of the residual stream, and so the result."""
        return by_rows(self._of_rows, stream)

    def _of_rows(self, stream: Tensor) -> Tensor:
        hidden = sum_to_int8(self.up(stream_to_int8(stream)).relu())
        return stream + sum_to_stream(self.down(hidden))
