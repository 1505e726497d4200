"""Frames at half the size, and back: at low rates a smaller picture shows more than a coarser one.

Frames are `[6, T, 4h, 4w]` as in `frames.py`, of h × w positions. Half of them are ⌈h/2⌉ × ⌈w/2⌉, edges repeated to
fill the last.
"""

from __future__ import annotations

from torch import Tensor, cat
from torch.nn import functional as F

from nvcodec.tokenizer.frames import GRID


def halved_grid(size: tuple[int, int], halvings: int) -> tuple[int, int]:
    """Rows and columns of positions of pictures of `size` (h, w) positions, halved so often."""
    for _ in range(halvings):
        size = -(-size[0] // 2), -(-size[1] // 2)
    return size


def halved(frames: Tensor) -> Tensor:
    """Frames of half the width and height."""
    h, w = (2 * side // GRID for side in frames.shape[-2:])
    rows, columns = halved_grid((h, w), 1)
    luma, chroma = (_resized(plane, 0.5) for plane in _planes(frames))
    luma = _cut_or_filled(luma, GRID * rows, GRID * columns)
    return _frames(luma, _cut_or_filled(chroma, GRID * rows // 2, GRID * columns // 2))


def restored(frames: Tensor, size: tuple[int, int], halvings: int) -> Tensor:
    """Frames of pictures of `size` (h, w) positions, from what is left of them after so many halvings."""
    for before in reversed(range(halvings)):
        h, w = halved_grid(size, before)
        luma, chroma = (_resized(plane, 2.0) for plane in _planes(frames.float()))
        luma = _cut_or_filled(luma, GRID * h, GRID * w)
        frames = _frames(luma, _cut_or_filled(chroma, GRID * h // 2, GRID * w // 2))
    return frames


def _planes(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Luma `[T, 1, H, W]` and chroma `[T, 2, H/2, W/2]`."""
    by_time = frames.transpose(0, 1)
    return F.pixel_shuffle(by_time[:, :4], 2), by_time[:, 4:]


def _frames(luma: Tensor, chroma: Tensor) -> Tensor:
    return cat([F.pixel_unshuffle(luma, 2), chroma], dim=1).transpose(0, 1)


def _resized(planes: Tensor, factor: float) -> Tensor:
    size = [int(side * factor) for side in planes.shape[-2:]]
    return F.interpolate(planes, size, mode="bicubic", align_corners=False, antialias=factor < 1)


def _cut_or_filled(planes: Tensor, height: int, width: int) -> Tensor:
    rows, columns = height - planes.shape[-2], width - planes.shape[-1]
    if rows > 0 or columns > 0:
        return F.pad(planes, (0, max(0, columns), 0, max(0, rows)), mode="replicate")
    return planes[..., :height, :width]
