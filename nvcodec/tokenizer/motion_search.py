"""The encoder's search for motion: propagation of good vectors from neighbour to neighbour, and small changes.

A full search at a quarter of the resolution starts it; then every position tries its neighbours' vectors and
ever smaller changes of its own (after de Haan et al., "True-motion estimation with 3-D recursive search block
matching", 1993). A candidate's cost is its squared error plus λ times about the bits it will take. The decoder
knows nothing of this file: any motion decodes.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.tokenizer.frames import GRID
from nvcodec.tokenizer.motion import MOTION_DIMS, MOTION_LEVEL_MAX, MOTION_STEP, STEP_FRAMES, sampling_grid
from nvcodec.tokenizer.quantize import LAGRANGIAN

REACH = 5  # of the full search, in quarter-resolution pixels: 20 luma pixels over four frames
COARSE_LEVELS = int(4 / MOTION_STEP)  # levels a quarter-resolution pixel
COARSE_CHANGES, FINE_CHANGES = (4,), (2, 1)  # levels, at quarter and at half resolution; then neighbours are asked
BEND_CHANGES = (2, 1)
BIT_SHARE = 0.4  # of λ, that a bit of motion may cost


def motion_cost(step: float) -> float:
    """What a bit of motion may cost in squared error, by Δ; less than λ, for what is not matched now is coded later.

    Measured best on training clips at Δ of 0.7 to 1.3: about 3 % of the bits against λ (1 + (Δ / 1.4)⁴).
    """
    return BIT_SHARE * LAGRANGIAN * step**2 * (1 + (step / 1.4) ** 2)


class MotionMatch:
    """How well the last decoded frame, moved, shows the next four: the second and the fourth of them stand for all.

    `target` [B, 2, H/p, W/p] and `reference` [B, 1, H/p, W/p]: luma, a sample for p × p pixels.
    """

    def __init__(self, target: Tensor, reference: Tensor, pixel: int) -> None:
        self.target, self.reference, self.pixel = target, reference, pixel

    @classmethod
    def of(cls, frames: Tensor, last: Tensor) -> MotionMatch:
        """For `frames` [B, 6, 4, H/2, W/2] after `last` [B, 6, H/2, W/2], at half resolution."""
        return cls(frames[:, :4, [1, 3]].mean(1), last[:, :4].mean(1, keepdim=True), 2)

    @classmethod
    def fine(cls, frames: Tensor, last: Tensor) -> MotionMatch:
        """As `of`, at full resolution."""
        luma = F.pixel_shuffle(frames[:, :4, [1, 3]].transpose(1, 2), 2)[:, :, 0]
        return cls(luma, F.pixel_shuffle(last[:, :4], 2), 1)

    def coarser(self) -> MotionMatch:
        """At half the resolution."""
        return MotionMatch(F.avg_pool2d(self.target, 2), F.avg_pool2d(self.reference, 2), 2 * self.pixel)

    def error_of(self, field: Tensor, positions: Tensor, candidates: Tensor) -> Tensor:
        """Squared error `[K, B, n]` at `positions` [n] if they move like `candidates` [K, B, n, 4].

        The others move like `field` [B, h·w, 4]. Counted are a position's pixels in all four frames.
        """
        k, b, n, _ = candidates.shape
        height, width = self.reference.shape[-2:]
        side = GRID // self.pixel
        w = width // side
        y, x = positions // w, positions % w
        near = field[:, _around_position(y, x, height // side, w)].expand(k, -1, -1, -1, -1).clone()  # [K, B, n, 9, 4]
        near[..., 4, :] = candidates
        inside = _bilinear_weights(side).to(self.target) @ near.to(self.target.dtype)  # [K, B, n, side², 4]
        end, bend = (inside * MOTION_STEP).split(2, dim=-1)
        flow = torch.stack([end / 2 + bend, end], dim=2)  # [K, B, 2, n, side², 2] luma pixels
        offset = torch.arange(side, device=field.device)
        places = torch.stack(
            torch.broadcast_tensors(
                (x[:, None, None] * side + offset + 0.5) * self.pixel,
                (y[:, None, None] * side + offset[:, None] + 0.5) * self.pixel,
            ),
            dim=-1,
        ).flatten(1, 2)  # [n, side², 2] luma pixels
        size = flow.new_tensor([width * self.pixel, height * self.pixel])
        grid = ((places + flow) * (2 / size) - 1).transpose(0, 1)  # [B, K, 2, n, side², 2]
        moved = self._moved(grid.reshape(b, k * 2 * n, side**2, 2)).reshape(b, k, 2, n, side**2).transpose(0, 1)
        target = F.pixel_unshuffle(self.target[:, :, None].flatten(0, 1), side).flatten(2)  # [2B, side², h·w]
        target = target[..., positions].reshape(b, 2, side**2, n).transpose(2, 3)
        error = (moved - target).square().mean(-1).sum(2)
        return error * (GRID**2 * STEP_FRAMES / 2)

    def error_at(self, levels: Tensor, which: int) -> Tensor:
        """Squared error `[K, B, h, w]` in two of the frames, the `which`-th of those compared moved by `levels`.

        `levels` [K, B, 2, h, w]. Counted are a position's own pixels.
        """
        k, b = levels.shape[:2]
        height, width = self.reference.shape[-2:]
        grid = sampling_grid(levels.transpose(0, 1).flatten(0, 1) * MOTION_STEP, height, width, float(self.pixel))
        moved = self._moved(grid.reshape(b, k * height, width, 2)).reshape(b, k, height, width).transpose(0, 1)
        error = (moved - self.target[:, which]).square_()
        side = GRID // self.pixel
        rows = error.reshape(k, b, height // side, side, width).sum(3)  # twice as fast as pooling
        sums = rows.reshape(k, b, height // side, width // side, side).sum(-1)
        return sums * (self.pixel**2 * STEP_FRAMES / 2)

    def _moved(self, grid: Tensor) -> Tensor:
        """The reference at the places of `grid` [B, rows, columns, 2]: of all candidates in one, which copies none."""
        return F.grid_sample(self.reference, grid, mode="bilinear", padding_mode="border", align_corners=False)


@torch.no_grad()
def search_motion(
    match: MotionMatch, before: Tensor | None, cost_per_bit: float, fine: MotionMatch | None = None, rounds: int = 1
) -> Tensor:
    """Motion levels `[B, h, w, 4]` that match well.

    `before` is the motion of the step before, if there was one; `cost_per_bit` is λ in squared error (pixel
    values in 0…1). With a `fine` match what was found is refined at full resolution, in so many rounds: one is worth
    3.6 % of the bits on training clips, for a fifth more time.
    """
    quarter = match.coarser()
    coarse = _full_search(quarter)
    still = torch.zeros_like(coarse)
    previous = still if before is None else before[..., :2].permute(0, 3, 1, 2)
    common = coarse.flatten(2).median(-1).values[..., None, None].expand_as(coarse)
    search = _Search(quarter, cost_per_bit)
    end, bend = search.best_end(torch.stack([still, coarse, previous, common]), still), still
    for change in COARSE_CHANGES:
        end = search.best_end_nearby(end, bend, change)
    search = _Search(match, cost_per_bit)
    for change in FINE_CHANGES:
        end = search.best_end_nearby(end, bend, change)
    for change in BEND_CHANGES:
        bend = search.best_bend(torch.cat([bend[None], bend + _ring(bend, change)]), end)
    bend = search.best_bend(torch.cat([bend[None], still[None], _neighbours(bend)]), end)
    if fine is not None:
        search = _Search(fine, cost_per_bit)
        for _ in range(rounds):
            end = search.best_end_nearby(end, bend, 1)
            bend = search.best_bend(torch.cat([bend[None], bend + _ring(bend, 1)]), end)
            bend = search.best_bend(torch.cat([bend[None], still[None], _neighbours(bend)]), end)
    motion = torch.cat([end, bend], dim=1).permute(0, 2, 3, 1)
    assert motion.shape[-1] == MOTION_DIMS
    return motion


class _Search:
    """Of candidates the cheapest: their error, and about the bits they will take."""

    def __init__(self, match: MotionMatch, cost_per_bit: float) -> None:
        self.match, self.cost_per_bit = match, cost_per_bit

    def best_end(self, candidates: Tensor, bend: Tensor) -> Tensor:
        """Of candidates `[N, B, 2, h, w]` for the fourth frame the cheapest at every position."""
        candidates = candidates.clamp(-MOTION_LEVEL_MAX, MOTION_LEVEL_MAX)
        error = self.match.error_at(candidates / 2 + bend, 0) + self.match.error_at(candidates, 1)
        return self._cheapest(candidates, error)

    def best_end_nearby(self, end: Tensor, bend: Tensor, change: int) -> Tensor:
        """The cheapest of `end` [B, 2, h, w], changes of it, and then its neighbours'."""
        end = self.best_end(torch.cat([end[None], end + _ring(end, change)]), bend)
        return self.best_end(torch.cat([end[None], _neighbours(end)]), bend)

    def best_bend(self, candidates: Tensor, end: Tensor) -> Tensor:
        """Of candidates `[N, B, 2, h, w]` for the second frame's departure the cheapest at every position."""
        candidates = candidates.clamp(-MOTION_LEVEL_MAX, MOTION_LEVEL_MAX)
        return self._cheapest(candidates, self.match.error_at(end / 2 + candidates, 0))

    def _cheapest(self, candidates: Tensor, error: Tensor) -> Tensor:
        expected = _around(candidates[0])
        bits = 3 * torch.log2(1 + (candidates - expected).abs()).sum(2)  # [N, B, h, w]
        best = (error + self.cost_per_bit * bits).min(0).indices  # along the first dimension far faster than argmin
        choice = best[None, :, None].expand(-1, -1, 2, -1, -1)
        return candidates.gather(0, choice)[0]


def _around_position(y: Tensor, x: Tensor, h: int, w: int) -> Tensor:
    """Indices `[n, 9]` of the positions (y, x) [n] and those around them, row by row; at the edge itself again."""
    offset = torch.arange(-1, 2, device=y.device)
    rows = (y[:, None] + offset).clamp(0, h - 1)
    columns = (x[:, None] + offset).clamp(0, w - 1)
    return (rows[:, :, None] * w + columns[:, None, :]).flatten(1)


@lru_cache(maxsize=2)
@torch.inference_mode(mode=False)
def _bilinear_weights(side: int) -> Tensor:
    """`[side², 9]`: what of the values at a position and around it `side` × `side` samples within it have."""
    place = (torch.arange(side) + 0.5) / side - 0.5
    axis = torch.stack([(-place).clamp_min(0), 1 - place.abs(), place.clamp_min(0)], dim=1)  # [side, 3]
    return torch.einsum("ia,jb->ijab", axis, axis).reshape(side**2, 9)


def _full_search(match: MotionMatch) -> Tensor:
    """Levels `[B, 2, h, w]` of the best whole shift at quarter resolution, judged over three positions a side."""
    target, reference = match.target[:, 1:], match.reference
    height, width = reference.shape[-2:]
    padded = F.pad(reference, (REACH,) * 4, mode="replicate")[:, 0]
    moved = padded.unfold(1, height, 1).unfold(2, width, 1)  # [B, shifts, shifts, height, width], a view
    cost = (moved - target[:, :, None]).abs_().flatten(1, 2)
    cost = cost[..., 0::2, :] + cost[..., 1::2, :]  # sums by hand: several times as fast as pooling
    cost = F.pad(cost[..., 0::2] + cost[..., 1::2], (1, 1, 1, 1))
    cost = cost[..., :-2, :] + cost[..., 1:-1, :] + cost[..., 2:, :]
    cost = cost[..., :-2] + cost[..., 1:-1] + cost[..., 2:]
    axis = torch.arange(-REACH, REACH + 1, device=target.device) * COARSE_LEVELS
    shifts = torch.stack(torch.broadcast_tensors(axis[None, :], axis[:, None]), dim=-1).flatten(0, 1).to(target.dtype)
    return shifts[cost.min(1).indices].permute(0, 3, 1, 2)


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
