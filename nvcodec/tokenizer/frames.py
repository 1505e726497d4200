"""Pictures as the tokenizer sees them: one tensor of six channels at half resolution.

Channels: the four phases of luma at (0,0), (0,1), (1,0), (1,1), minus ½; then 2 (U − ½) and 2 (V − ½). A chroma
sample of 4:2:0 stands for four pixels, so with the factor two the squared error of the six channels weighs as it
does in RGB (BT.601: R and B differ from Y by 1.402 and 1.772 times a chroma difference).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

GRID = 8  # luma pixels a side of a latent position


def padded_size(width: int, height: int) -> tuple[int, int]:
    """Width and height rounded up to whole positions."""
    return -(-width // GRID) * GRID, -(-height // GRID) * GRID


def from_planes(y: np.ndarray, u: np.ndarray, v: np.ndarray, bit_depth: int) -> Tensor:
    """4:2:0 planes `y` [H, W], `u`, `v` [⌈H/2⌉, ⌈W/2⌉] of any size to `[6, H'/2, W'/2]`.

    H' and W' are H and W rounded up to whole positions; edges are repeated to fill them.
    """
    scale = 1 / (255 << (bit_depth - 8))
    width, height = padded_size(y.shape[1], y.shape[0])
    luma = _extend(y, width, height) * scale
    chroma = torch.stack([_extend(u, width // 2, height // 2), _extend(v, width // 2, height // 2)]) * scale
    return torch.cat([F.pixel_unshuffle(luma[None], 2) - 0.5, 2 * chroma - 2 * 128 / 255])


def to_frames(packed: Tensor) -> Tensor:
    """Packed 8-bit samples `[6, …]` (`nvcodec/media/packing.py`) to the same numbers as `from_planes` gives."""
    x = packed.float() / 255
    return torch.cat([x[:4] - 0.5, 2 * (x[4:] - 128 / 255)])


def _extend(plane: np.ndarray, width: int, height: int) -> Tensor:
    x = torch.from_numpy(np.ascontiguousarray(plane).astype(np.float32))
    rows, columns = height - x.shape[0], width - x.shape[1]
    return F.pad(x[None, None], (0, columns, 0, rows), mode="replicate")[0, 0] if rows or columns else x


def to_planes(
    frames: Tensor, width: int, height: int, bit_depth: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Frames `[6, T, H'/2, W'/2]` to T triples of planes (y, u, v), cropped and rounded; mirror of `from_planes`."""
    scale, dtype = 255 << (bit_depth - 8), np.uint8 if bit_depth == 8 else np.uint16
    top = (1 << bit_depth) - 1
    luma = F.pixel_shuffle(frames[:4].transpose(0, 1) + 0.5, 2)[:, 0, :height, :width]  # [T, H, W]
    chroma = (frames[4:] / 2 + 128 / 255)[:, :, : (height + 1) // 2, : (width + 1) // 2]  # [2, T, …]
    kind = torch.uint8 if bit_depth == 8 else torch.int32
    y = luma.mul(scale).round_().clamp_(0, top).to(kind).cpu().numpy().astype(dtype, copy=False)
    uv = chroma.mul(scale).round_().clamp_(0, top).to(kind).cpu().numpy().astype(dtype, copy=False)
    return [(y[t], uv[0, t], uv[1, t]) for t in range(len(y))]
