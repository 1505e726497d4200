"""What of a clip is given, and what is to be drawn: masks `[N]` bool over the tokens of a grid (T', h, w)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.frames import GRID

from .transformer import Grid


def first_frames(grid: Grid, latents: int) -> Tensor:
    """Frame prediction: the first `latents` latent frames are known."""
    known = torch.zeros(grid, dtype=torch.bool)
    known[:latents] = True
    return known.flatten()


def both_ends(grid: Grid) -> Tensor:
    """Interpolation: the first and the last latent frame are known."""
    known = torch.zeros(grid, dtype=torch.bool)
    known[[0, -1]] = True
    return known.flatten()


def outside_box(grid: Grid, box: tuple[int, int, int, int]) -> Tensor:
    """In-painting: all is known but what the box (x, y, width, height), in pixels, touches, in every frame.

    NvcodecError for a box outside the pictures.
    """
    x, y, width, height = box
    if min(x, y) < 0 or min(width, height) < 1 or x >= grid[2] * GRID or y >= grid[1] * GRID:
        raise NvcodecError(f"the box {x},{y},{width},{height} is not within {grid[2] * GRID}x{grid[1] * GRID} pixels")
    known = torch.ones(grid, dtype=torch.bool)
    known[:, y // GRID : -(-(y + height) // GRID), x // GRID : -(-(x + width) // GRID)] = False
    return known.flatten()


def inside_box(grid: Grid, box: tuple[int, int, int, int]) -> Tensor:
    """Out-painting: only what lies whole inside of the box (x, y, width, height), in pixels, is known."""
    x, y, width, height = box
    known = torch.zeros(grid, dtype=torch.bool)
    known[:, -(-y // GRID) : (y + height) // GRID, -(-x // GRID) : (x + width) // GRID] = True
    if not bool(known.any()):
        raise NvcodecError(f"the box {x},{y},{width},{height} holds no whole position of {GRID} by {GRID} pixels")
    return known.flatten()


def outside_mask(grid: Grid, mask: Tensor) -> Tensor:
    """In-painting: all is known but the positions of which a pixel is in `mask` [H, W] bool, in every frame.

    NvcodecError for a mask of another size than the grid's pictures.
    """
    wanted = grid[1] * GRID, grid[2] * GRID
    if mask.shape != wanted:
        raise NvcodecError(f"the mask is {mask.shape[1]}x{mask.shape[0]}, not {wanted[1]}x{wanted[0]} pixels")
    touched = F.max_pool2d(mask[None].float(), GRID)[0] > 0
    return (~touched).expand(grid).flatten()
