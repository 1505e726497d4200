"""The encoder's search for motion: propagation of good vectors from neighbour to neighbour, and small changes.

A full search at a quarter of the resolution starts it; then every position tries its neighbours' vectors and
ever smaller changes of its own (after de Haan et al., "True-motion estimation with 3-D recursive search block
matching", 1993). A candidate's cost is its squared error plus λ times about the bits it will take. The decoder
knows nothing of this file: any motion decodes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.tokenizer.motion import MOTION_DIMS, MOTION_LEVEL_MAX, MOTION_STEP, STEP_FRAMES, sampling_grid

REACH = 5  # of the full search, in quarter-resolution pixels: 20 luma pixels over four frames
COARSE_LEVELS = int(4 / MOTION_STEP)  # levels a quarter-resolution pixel
CHANGES = (4, 2, 1)  # levels; after each, neighbours are asked
HALF = 2.0  # luma pixels a side that a half-resolution sample stands for
SAMPLE_PIXELS = 4


@torch.no_grad()
def search_motion(frames: Tensor, last: Tensor, before: Tensor | None, cost_per_bit: float) -> Tensor:
    """Motion levels `[B, h, w, 4]` for `frames` [B, 6, 4, H/2, W/2] after the decoded frame `last` [B, 6, H/2, W/2].

    `before` is the motion of the step before, if there was one; `cost_per_bit` is λ in squared error (pixel
    values in 0…1).
    """
    target = frames[:, :4].mean(1)  # [B, 4, H/2, W/2]
    reference = last[:, :4].mean(1, keepdim=True)
    b, _, hh, ww = reference.shape
    search = _Search(target[:, [1, 3]], reference, cost_per_bit)
    still = target.new_zeros(b, 2, hh // 4, ww // 4)
    coarse = _full_search(target[:, 3:], reference)
    previous = still if before is None else before[..., :2].permute(0, 3, 1, 2)
    common = coarse.flatten(2).median(-1).values[..., None, None].expand_as(coarse)
    end = search.best(torch.stack([still, coarse, previous, common]), still, bend=False)
    bend = torch.zeros_like(still)
    for change in CHANGES:
        end = search.best(torch.cat([end[None], end + _ring(end, change)]), bend, bend=False)
        end = search.best(torch.cat([end[None], _neighbours(end)]), bend, bend=False)
    for change in (2, 1):
        bend = search.best(torch.cat([bend[None], bend + _ring(bend, change)]), end, bend=True)
    bend = search.best(
        torch.cat([bend[None], torch.zeros_like(bend)[None], _neighbours(bend)]), end, bend=True
    )
    motion = torch.cat([end, bend], dim=1).permute(0, 2, 3, 1)
    assert motion.shape[-1] == MOTION_DIMS
    return motion


class _Search:
    """Cost of candidate vectors against two target frames, the second and the fourth."""

    def __init__(self, target: Tensor, reference: Tensor, cost_per_bit: float) -> None:
        self.target, self.reference, self.cost_per_bit = target, reference, cost_per_bit
        self.height, self.width = reference.shape[-2:]

    def best(self, candidates: Tensor, other: Tensor, *, bend: bool) -> Tensor:
        """Of candidates `[N, B, 2, h, w]` the cheapest at every position; `other`: the bend, or the end, as it is."""
        candidates = candidates.clamp(-MOTION_LEVEL_MAX, MOTION_LEVEL_MAX)
        if bend:
            error = self._error(candidates + other / 2, self.target[:, :1]) * STEP_FRAMES / 2
        else:
            error = self._error(candidates / 2 + other, self.target[:, :1]) + self._error(
                candidates, self.target[:, 1:]
            )
            error = error * (STEP_FRAMES / 2)
        expected = _around(candidates[0])
        bits = 3 * torch.log2(1 + (candidates - expected).abs()).sum(2)  # [N, B, h, w]
        choice = (error + self.cost_per_bit * bits).argmin(0)[None, :, None].expand(-1, -1, 2, -1, -1)
        return candidates.gather(0, choice)[0]

    def _error(self, levels: Tensor, target: Tensor) -> Tensor:
        """Squared error `[N, B, h, w]` of the reference moved by `levels` [N, B, 2, h, w] against [B, 1, H/2, W/2]."""
        n, b = levels.shape[:2]
        flow = levels.flatten(0, 1) * MOTION_STEP
        grid = sampling_grid(flow, self.height, self.width, HALF)
        reference = self.reference[None].expand(n, -1, -1, -1, -1).flatten(0, 1)
        moved = F.grid_sample(reference, grid, mode="bilinear", padding_mode="border", align_corners=False)
        error = (moved.reshape(n, b, self.height, self.width) - target[:, 0]).square()
        return F.avg_pool2d(error, 4) * (16 * SAMPLE_PIXELS)


def _full_search(target: Tensor, reference: Tensor) -> Tensor:
    """Levels `[B, 2, h, w]` of the best whole shift at quarter resolution, judged over three positions a side."""
    target, reference = F.avg_pool2d(target, 2), F.avg_pool2d(reference, 2)
    height, width = reference.shape[-2:]
    padded = F.pad(reference, (REACH,) * 4, mode="replicate")[:, 0]
    moved = padded.unfold(1, height, 1).unfold(2, width, 1)  # [B, shifts, shifts, height, width], a view
    cost = F.avg_pool2d((moved - target[:, :, None]).abs().flatten(1, 2), 2)
    cost = F.avg_pool2d(cost, 3, stride=1, padding=1, count_include_pad=False)
    axis = torch.arange(-REACH, REACH + 1, device=target.device) * COARSE_LEVELS
    shifts = torch.stack(torch.broadcast_tensors(axis[None, :], axis[:, None]), dim=-1).flatten(0, 1).to(target.dtype)
    return shifts[cost.argmin(1)].permute(0, 3, 1, 2)


def _neighbours(field: Tensor) -> Tensor:
    """`[5, B, 2, h, w]`: the field of the neighbour left, right, above and below, and the mean around."""
    padded = F.pad(field, (1, 1, 1, 1), mode="replicate")
    sides = [padded[..., 1:-1, :-2], padded[..., 1:-1, 2:], padded[..., :-2, 1:-1], padded[..., 2:, 1:-1]]
    return torch.stack([*sides, _around(field).round()])


def _around(field: Tensor) -> Tensor:
    """The mean of a field `[B, 2, h, w]` over the eight positions around each."""
    mean = F.avg_pool2d(F.pad(field, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return (9 * mean - field) / 8


def _ring(field: Tensor, size: int) -> Tensor:
    """The four changes of `size` levels around none, `[4, 1, 2, 1, 1]`."""
    steps = [(-size, 0), (size, 0), (0, -size), (0, size)]
    return field.new_tensor(steps)[:, None, :, None, None]
