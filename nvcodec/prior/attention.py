"""Windowed self-attention in exact integer arithmetic."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.prior.fixed_point import IntLinear, round_half_up, stream_to_int8, sum_to_int8, sum_to_stream, to_int8

WINDOW = 8
HEAD_DIMS = 32
SCORE_STEP = 64  # scores per step of the exponential's table
TABLE = 256  # steps: exp falls from 255 to 0
SCORE_UNIT = 16 * 16 * HEAD_DIMS**0.5  # what a score of 1.0 is in integers: activations are in sixteenths


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
        self.position = nn.Parameter(torch.zeros(self.heads, (2 * WINDOW - 1) ** 2))  # in units of a score of 1
        self.frozen = False
        self.register_buffer("table", exponential_table())
        y, x = torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij")
        y, x = y.flatten(), x.flatten()
        offsets = (y[:, None] - y[None, :] + WINDOW - 1) * (2 * WINDOW - 1) + x[:, None] - x[None, :] + WINDOW - 1
        self.register_buffer("offsets", offsets, persistent=False)

    def freeze(self) -> None:
        """Replace the real position bias by the integers it stands for."""
        self.position = nn.Parameter(round_half_up(self.position * SCORE_UNIT).detach(), requires_grad=False)
        self.frozen = True

    def forward(self, stream: Tensor) -> Tensor:
        """`stream` [B, h, w, C] in units of the residual stream."""
        b, h, w, c = stream.shape
        qkv = sum_to_int8(self.qkv(stream_to_int8(stream)))
        windows = to_windows(qkv, self.shift).reshape(-1, WINDOW**2, 3, self.heads, HEAD_DIMS)
        q, k, v = windows.permute(2, 0, 3, 1, 4)  # each [N, heads, 64, HEAD_DIMS]
        position = self.position if self.frozen else round_half_up(self.position * SCORE_UNIT)
        bias = position[:, self.offsets]  # [heads, 64, 64]
        inside = to_windows(stream.new_ones(b, h, w, 1), self.shift)[:, None, None, :, 0]  # [N, 1, 1, 64]
        weights = self._softmax_weights(q @ k.transpose(-1, -2) + bias, inside)
        mixed = to_int8(weights @ v / weights.sum(-1, keepdim=True))
        mixed = from_windows(mixed.transpose(1, 2).reshape(-1, WINDOW**2, c), (b, h, w), self.shift)
        return stream + sum_to_stream(self.out(mixed))

    def _softmax_weights(self, scores: Tensor, inside: Tensor) -> Tensor:
        """Integer weights 0…255 of integer scores `[N, heads, 64, 64]`, by table; 255 at the largest score."""
        scores = torch.where(inside > 0, scores, scores.new_tensor(-(2.0**23)))
        below = scores.amax(-1, keepdim=True) - scores
        if not self.training:
            steps = torch.floor(below * (1 / SCORE_STEP)).clamp_(max=TABLE - 1)
            return self.table[steps.to(torch.int32)]
        smooth = 255 * torch.exp(-below / SCORE_UNIT)
        return torch.where(below < SCORE_STEP * (TABLE - 1), round_half_up(smooth), torch.zeros_like(smooth))
