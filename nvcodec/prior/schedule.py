"""The order in which a latent frame's positions and dimensions are coded.

Four groups of positions, each finer than the one before, so that every position but one in sixteen has
neighbours already known on several sides: every fourth row and column, then every second, then the
diagonal ones between, then the other half of the checkerboard. In every group of positions first the
token's dimensions, then, knowing those, the rest. A group is one parallel step and one call of the coder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

NEIGHBOURS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))


@dataclass(frozen=True)
class PositionGroup:
    """Positions of one parallel step, as indices into the flattened h × w grid."""

    positions: Tensor  # [n] int64
    neighbours: Tensor  # [n, 9] int64 into the grid with one more, empty, position at the end (h·w)
    around: Tensor  # [n, 9] likewise, the position itself and those that touch it


def group_of(y: Tensor, x: Tensor) -> Tensor:
    """The number (0…3) of the group that codes position (y, x)."""
    quarter, half = (y % 4 == 0) & (x % 4 == 0), (y % 2 == 0) & (x % 2 == 0)
    diagonal = (y % 2 == 1) & (x % 2 == 1)
    return torch.where(quarter, 0, torch.where(half, 1, torch.where(diagonal, 2, 3)))


SPREAD = (4, 2, 1, 1)  # distance from a group's positions to the neighbours it looks at


@lru_cache(maxsize=4)
@torch.inference_mode(mode=False)  # what is kept serves training too, whoever asks first
def position_groups(h: int, w: int) -> tuple[PositionGroup, ...]:
    """The groups of an h × w grid, coarse to fine; small grids leave some of them empty."""
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    number = group_of(y, x)
    groups = []
    for index, spread in enumerate(SPREAD):
        ys, xs = torch.nonzero(number == index, as_tuple=True)
        near = _at_distance(ys, xs, 1, h, w)
        far = near if spread == 1 else _at_distance(ys, xs, spread, h, w)
        groups.append(PositionGroup(ys * w + xs, far, near))
    return tuple(groups)


def _at_distance(ys: Tensor, xs: Tensor, distance: int, h: int, w: int) -> Tensor:
    ny = ys[:, None] + distance * torch.tensor([dy for dy, _ in NEIGHBOURS])
    nx = xs[:, None] + distance * torch.tensor([dx for _, dx in NEIGHBOURS])
    inside = (ny >= 0) & (ny < h) & (nx >= 0) & (nx < w)
    return torch.where(inside, ny * w + nx, h * w)
