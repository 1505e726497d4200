"""A region of interest: where in the picture errors count, and where less. The decoder knows nothing of it.

Outside the region a bit must save `gain` times the squared error that it must save inside before it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.media import MediaReader, Picture
from nvcodec.tokenizer.frames import GRID

from .gop_size import grid_size

GAIN = 8.0  # where none is given
GAIN_MAX = 1000.0
BLACK, WHITE = 16, 235  # of luma in limited range


@dataclass(frozen=True)
class Roi:
    """A box (x, y, width, height) in pixels of the coded picture, or a `mask`, white where errors count."""

    box: tuple[int, int, int, int] | None = None
    mask: str | None = None
    gain: float = GAIN

    @classmethod
    def parse(cls, text: str) -> Roi:
        """From "x,y,w,h", "mask.png", or either with ":gain".

        >>> Roi.parse("10,20,64,48:4")
        Roi(box=(10, 20, 64, 48), mask=None, gain=4.0)

        NvcodecError for what is neither.
        """
        place, gain = text, GAIN
        before, colon, after = text.rpartition(":")
        try:
            if colon:
                place, gain = before, float(after)
        except ValueError:
            place = text  # the colon of a path
        if not 1 <= gain <= GAIN_MAX:
            raise NvcodecError(f"the gain of a region is 1 to {GAIN_MAX:.0f}, not {gain:g}")
        numbers = place.split(",")
        if len(numbers) != 4 or Path(place).exists():
            return cls(mask=place, gain=gain)
        try:
            x, y, width, height = (int(number) for number in numbers)
        except ValueError:
            raise NvcodecError(f"{place!r} is no region; x,y,w,h in pixels or a picture is") from None
        return cls(box=(x, y, width, height), gain=gain)


def weights_of(roi: Roi, width: int, height: int) -> Tensor:
    """What squared error counts at each position `[h·w]` of pictures of that size: 1 inside to 1/gain outside.

    NvcodecError for a region that is not in the picture or a mask that is all black, UnsupportedInput for a mask
    that cannot be read.
    """
    inside = _drawn(roi.box, width, height) if roi.box else _read(str(roi.mask), width, height)
    if inside.max() <= 0:
        raise NvcodecError(f"nothing of the region of interest is within {width}x{height} pixels")
    rows, columns = grid_size(width, height)
    padded = np.pad(inside, ((0, rows * GRID - height), (0, columns * GRID - width)), mode="edge")
    share = padded.reshape(rows, GRID, columns, GRID).max(axis=(1, 3))  # a position that touches it belongs to it
    return torch.from_numpy((roi.gain ** (share - 1)).astype(np.float32).ravel())


def _drawn(box: tuple[int, int, int, int], width: int, height: int) -> np.ndarray:
    """[height, width], 1 within the box and 0 elsewhere."""
    x, y, wide, high = box
    inside = np.zeros((height, width))
    inside[max(0, y) : max(0, y + high), max(0, x) : max(0, x + wide)] = 1
    return inside


def _read(mask: str, width: int, height: int) -> np.ndarray:
    """[height, width] of 0 where the mask is black to 1 where it is white, brought to that size."""
    with MediaReader(mask, scale=f"{width}x{height}", audio=False) as media:
        picture = next(item for item in media.items() if isinstance(item, Picture))
        depth, full = media.video.bit_depth, media.video.colour.full_range
    luma = picture.y.astype(np.float64) / (1 << (depth - 8))
    return np.clip(luma / 255 if full else (luma - BLACK) / (WHITE - BLACK), 0, 1)
