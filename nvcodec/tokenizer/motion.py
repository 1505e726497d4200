"""Motion: what of the next four frames the last decoded frame already shows, and where.

Every position has four motion dimensions, in levels of MOTION_STEP luma pixels: where in the last frame the
content of the fourth frame is found (x, y), and how far the second frame departs from half of that (x, y). They
are ordinary columns of the latent's levels, coded by the prior before the others. Between positions the
displacement is interpolated, so the prediction has no block edges.

Shapes: B batch, h × w positions, H × W = 8h × 8w pixels; frames are `[6, …, H/2, W/2]` as in `frames.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.tokenizer.frames import GRID

MOTION_DIMS = 4
MOTION_STEP = 0.5  # luma pixels a level
MOTION_LEVEL_MAX = 127

# How much of the bicubic kernel is in the prediction, the rest being bilinear. PyTorch's bicubic (a = −0.75) sharpens,
# which grows into a lattice over a GOP's many steps, and the bilinear one blurs; measured best between 0.2 and 0.3.
SHARPNESS = 0.3

STEP_FRAMES = 4


def displacement(motion: Tensor, moments: tuple[int, ...] = (1, 2, 3, 4)) -> Tensor:
    """Motion levels `[B, h, w, 4]` to displacements `[B, T, 2, h, w]` in luma pixels at the given frames 1…4.

    A parabola through 0 at the last frame, `end` at the fourth and `end / 2 + bend` at the second.
    """
    end, bend = motion.permute(0, 3, 1, 2).mul(MOTION_STEP).chunk(2, dim=1)  # [B, 2, h, w] each
    return torch.stack([end * (t / 4) + bend * (t * (4 - t) / 4) for t in moments], dim=1)


def sampling_grid(flow: Tensor, height: int, width: int, pixel: float) -> Tensor:
    """Displacements `[N, 2, h, w]` to a `grid_sample` grid `[N, height, width, 2]`; `pixel`: luma pixels a sample."""
    unit = flow.new_tensor([2 / (pixel * width), 2 / (pixel * height)])[:, None, None]
    wide = F.interpolate(flow * unit, (height, width), mode="bilinear", align_corners=False)
    x = (torch.arange(width, device=flow.device) * 2 + 1) / width - 1
    y = (torch.arange(height, device=flow.device) * 2 + 1) / height - 1
    grid = wide.new_empty(len(wide), height, width, 2)
    torch.add(wide[:, 0], x, out=grid[..., 0])  # in place: twice as fast as stacking
    torch.add(wide[:, 1], y[:, None], out=grid[..., 1])
    return grid


def predict(last: Tensor, motion: Tensor) -> Tensor:
    """The four frames `[B, 6, 4, H/2, W/2]` that the last frame `[B, 6, H/2, W/2]` shows, moved by `motion`."""
    b, _, hh, ww = last.shape
    flow = displacement(motion).flatten(0, 1)  # [B·4, 2, h, w]
    luma = F.pixel_shuffle(last[:, :4], 2)
    luma = luma[:, None].expand(-1, STEP_FRAMES, -1, -1, -1).flatten(0, 1)
    chroma = last[:, None, 4:].expand(-1, STEP_FRAMES, -1, -1, -1).flatten(0, 1)
    fine, coarse = sampling_grid(flow, 2 * hh, 2 * ww, 1.0), sampling_grid(flow, hh, ww, 2.0)
    luma = torch.add((1 - SHARPNESS) * _sample(luma, fine, "bilinear"), _sample(luma, fine, "bicubic"), alpha=SHARPNESS)
    chroma = _sample(chroma, coarse, "bilinear")
    moved = torch.cat([F.pixel_unshuffle(luma, 2), chroma], dim=1)  # [B·4, 6, H/2, W/2]
    return moved.reshape(b, STEP_FRAMES, -1, hh, ww).transpose(1, 2)


def _sample(x: Tensor, grid: Tensor, kernel: str) -> Tensor:
    return F.grid_sample(x, grid, mode=kernel, padding_mode="border", align_corners=False)


def carry(features: Tensor, motion: Tensor) -> Tensor:
    """Features `[B, h, w, C]` of the last frame moved to where their content is in the fourth frame."""
    _, h, w, _ = features.shape
    grid = sampling_grid(displacement(motion, (4,))[:, 0], h, w, float(GRID))
    # in float32: PyTorch's bfloat16 grid_sample gives garbage for channels-last features on some CPUs
    moved = _sample(features.permute(0, 3, 1, 2).float(), grid, "bilinear")
    return moved.permute(0, 2, 3, 1).to(features.dtype)
