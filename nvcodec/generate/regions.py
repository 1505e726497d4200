"""Where a clip is drawn anew, as people say it: a box in its pixels, or a picture that is white there."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.media.square import Framing
from nvcodec.tokenizer.frames import GRID

from .known import inside_box, outside_box, outside_mask
from .pictures import read_film
from .transformer import Grid

BLACK, WHITE = 16, 235  # of luma in limited range


def known_by_box(
    grid: Grid, framing: Framing, box: tuple[int, int, int, int], *, outside: bool = False
) -> Tensor:
    """Which positions `[h·w]` of a frame stay when what a box (x, y, width, height) of the clip touches is drawn anew.

    With `outside` the box stays, as far as whole positions lie in it, and all else is drawn. NvcodecError and its kin
    for a box that leaves nothing to draw, or touches nothing of what the model sees.
    """
    here = framing.box_in_square(box)
    frame = 1, *grid[1:]
    if not outside:
        return _checked(outside_box(frame, here))
    try:
        return _checked(inside_box(frame, here))
    except NvcodecError as error:
        whole = f"whole squares of {GRID} by {GRID} pixels of those {framing.size}x{framing.size} that the model sees"
        raise NvcodecError(f"the box {','.join(map(str, box))} must hold {whole}, and not all") from error


def known_by_mask(grid: Grid, mask: str | Path, *, outside: bool = False) -> Tensor:
    """As `known_by_box`, for all that is white in a picture, which fills the model's square as the clip does.

    UnsupportedInput for one that cannot be read.
    """
    film, _ = read_film(mask, grid[2] * GRID, most=1)
    white = torch.from_numpy(film.pictures[0].y) > (BLACK + WHITE) // 2
    return _checked(outside_mask((1, *grid[1:]), ~white if outside else white))


def _checked(known: Tensor) -> Tensor:
    if bool(known.all()):
        raise NvcodecError("nothing is to be drawn: of what the model sees, the box or mask leaves nothing")
    return known
