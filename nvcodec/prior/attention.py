"""Windowed self-attention in exact integer arithmetic."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.prior.fixed_point import (
    BIAS_MAX,
    by_rows,
    round_half_up,
    saturated,
    stream_to_int8,
    sum_to_int8,
    sum_to_stream,
)
from nvcodec.prior.linear import IntLinear, product

WINDOW = 8
HEAD_DIMS = 32
SCORE_STEP = 64  # scores per step of the exponential's table
TABLE = 256  # steps: exp falls from 255 to 0
SCORE_UNIT = 16 * 16 * HEAD_DIMS**0.5  # what a score of 1.0 is in integers: activations are in sixteenths
OUTSIDE = -(2.0**22)  # added to scores of keys beyond the grid: further than any two scores within are apart
WINDOWS_AT_ONCE = 16  # of the frozen network: scores stay in cache, and bounded for any picture


def exponential_table() -> Tensor:
    """round(255 · exp(−i · SCORE_STEP / SCORE_UNIT)); the last entry, 0, is also that of masked keys."""
    table = torch.round(255 * torch.exp(-torch.arange(TABLE, dtype=torch.float64) * SCORE_STEP / SCORE_UNIT))
    table[-1] = 0
    return table.float()


def to_windows(x: Tensor, shift: int) -> Tensor:
    """`[B, h, w, C]` to windows `[B·n, 64, C]`: the grid is moved by `shift` and padded with zeros."""
    b, h, w, c = x.shape
    x = F.pad(x, (0, 0, shift, -(w + shift) % WINDOW, shift, -(h + shift) % WINDOW))
    x = x.reshape(b, x.shape[1] // WINDOW, WINDOW, x.shape[2] // WINDOW, WINDOW, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, WINDOW * WINDOW, c)


def from_windows(windows: Tensor, shape: tuple[int, int, int], shift: int) -> Tensor:
    """The inverse of `to_windows` for a grid of `shape` (B, h, w)."""
    b, h, w = shape
    rows, columns = -(-(h + shift) // WINDOW), -(-(w + shift) // WINDOW)
    x = windows.reshape(b, rows, columns, WINDOW, WINDOW, -1).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, rows * WINDOW, columns * WINDOW, -1)[:, shift : shift + h, shift : shift + w]


def window_offsets() -> Tensor:
    """`[64, 64]` int64: for positions of a window, which of the (2 · 8 − 1)² places one has as seen from the other."""
    y, x = torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij")
    y, x = y.flatten(), x.flatten()
    return (y[:, None] - y[None, :] + WINDOW - 1) * (2 * WINDOW - 1) + x[:, None] - x[None, :] + WINDOW - 1


class WindowAttention(nn.Module):
    """stream + softmax(QKᵀ + position bias) V over windows of 8 × 8 positions."""

    table: Tensor
    offsets: Tensor

    def __init__(self, width: int, shift: int) -> None:
        super().__init__()
        if width % HEAD_DIMS:
            raise ValueError(f"width {width} is not a multiple of the head's {HEAD_DIMS}")
        self.heads, self.shift = width // HEAD_DIMS, shift
        self.qkv = IntLinear(width, 3 * width, gain=1.5)
        self.out = IntLinear(width, width, gain=0.5)
        self.position = nn.Parameter(
            torch.zeros(self.heads, (2 * WINDOW - 1) ** 2)
        )  # in units of a score of 1
        self.frozen = False
        with torch.device("cpu"):  # on "meta" their arithmetic would import 70 MB of symbolic algebra
            self.register_buffer("table", exponential_table())
            self.register_buffer("offsets", window_offsets(), persistent=False)

    def freeze(self) -> None:
        """Replace the real position bias by the integers it stands for."""
        self.position = nn.Parameter(self._position().detach(), requires_grad=False)
        self.frozen = True

    def forward(self, stream: Tensor) -> Tensor:
        """`stream` [B, h, w, C] in units of the residual stream."""
        b, h, w, _ = stream.shape
        qkv = by_rows(lambda rows: sum_to_int8(self.qkv(stream_to_int8(rows))), stream)
        inside = stream.new_ones(b, h, w, 1, dtype=torch.float32)
        windows, inside = to_windows(qkv, self.shift), to_windows(inside, self.shift)
        bias = self._position()[:, self.offsets]  # [heads, 64, 64]
        outside = (1 - inside[:, None, None, :, 0]) * OUTSIDE  # [n, 1, 1, 64]
        parts = len(windows) if qkv.is_floating_point() else WINDOWS_AT_ONCE
        mixed = torch.cat(
            [
                self._mix(part, bias, out)
                for part, out in zip(windows.split(parts), outside.split(parts), strict=True)
            ]
        )
        mixed = from_windows(mixed, (b, h, w), self.shift)
        return stream + by_rows(lambda rows: sum_to_stream(self.out(rows)), mixed)

    def _position(self) -> Tensor:
        if self.frozen:
            return self.position
        return round_half_up(self.position * SCORE_UNIT).clamp(-BIAS_MAX, BIAS_MAX)

    def _mix(self, qkv: Tensor, bias: Tensor, outside: Tensor) -> Tensor:
        """Queries, keys and values of windows `[n, 64, 3·C]` to activations `[n, 64, C]`, of the same type.

        In float32 for either type. Its quotients round as those of integers do: |Σ w·v| < 2²¹ over Σ w <
        2¹⁴ comes no nearer to a half from below than 2⁻¹⁵, and division and addition, of values below 2⁷,
        are off by 2⁻¹⁷ at most.
        """
        split = qkv.reshape(len(qkv), WINDOW**2, 3, self.heads, HEAD_DIMS)
        q, k, v = (x.float() for x in split.permute(2, 0, 3, 1, 4))  # each [n, heads, 64, HEAD_DIMS]
        training = self.training and not self.frozen
        scores = product(q, k.transpose(-1, -2), training=training).add_(bias).add_(outside)
        weights = self._softmax_weights(scores)
        mixed = round_half_up(product(weights, v, training=training) / weights.sum(-1, keepdim=True))
        return saturated(mixed).transpose(1, 2).flatten(2).to(qkv.dtype)

    def _softmax_weights(self, scores: Tensor) -> Tensor:
        """Integer weights of integer scores `[n, heads, 64, 64]`, by table, from 255 for the largest to 0."""
        below = scores.amax(-1, keepdim=True) - scores
        if self.frozen or not self.training:
            steps = below.mul_(1 / SCORE_STEP).clamp_(max=TABLE - 1).to(torch.int64)  # positive: rounded down
            return self.table.index_select(0, steps.flatten()).reshape(scores.shape)
        smooth = 255 * torch.exp(-below / SCORE_UNIT)
        return torch.where(below < SCORE_STEP * (TABLE - 1), round_half_up(smooth), torch.zeros_like(smooth))
