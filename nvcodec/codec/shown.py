"""The samples that a GOP's levels are shown as."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from torch import Tensor

from nvcodec.tokenizer.frames import to_planes
from nvcodec.weights import Model

from .gop import GopQuality, synthesise
from .gop_size import grid_size

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]  # y [H, W], u and v [⌈H/2⌉, ⌈W/2⌉]


def shown_planes(
    model: Model, levels: Iterable[Tensor], quality: GopQuality, size: tuple[int, int], bit_depth: int
) -> Iterator[Planes]:
    """Planes of the frames of each step's `levels` as in `synthesise`, those that fill the last step among them.

    `size`: width and height in pixels.
    """
    width, height = size
    for frames in synthesise(model, levels, grid_size(width, height), quality):
        yield from to_planes(frames.float(), width, height, bit_depth)
