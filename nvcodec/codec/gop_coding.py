"""From the pictures of a GOP to its chunk in the file, in two halves that may run side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.bitstream import GopChunk
from nvcodec.media import Picture
from nvcodec.prior.choosing import ChosenFrame
from nvcodec.tokenizer.frames import from_planes
from nvcodec.tokenizer.tiny import PATCH
from nvcodec.weights import Model

from .coded_size import analyse_at_best_size
from .effort import AS_USUAL, EncoderSettings
from .gop import CodedGop, GopQuality, checked_planes, code_planes

# Told how many more frames have been analysed.
Analysed = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class AnalysedGop:
    """A GOP before its planes are coded, with times as in `GopChunk`."""

    pts: tuple[int, ...]
    duration: int
    size: tuple[int, int]  # rows and columns of positions of the whole pictures
    quality: GopQuality
    frames: tuple[ChosenFrame, ...]


def analysed_gop(
    model: Model,
    steps: Iterable[Sequence[Picture]],
    bit_depth: int,
    quality: GopQuality,
    analysed: Analysed,
    weights: Tensor | None = None,
    settings: EncoderSettings = AS_USUAL,
) -> AnalysedGop:
    """The closed loop over a GOP's pictures, the first alone, then four at a time, at the size that is best for them.

    `quality` is that of the whole size, and `weights` [h·w] say what squared error counts at each position, 1 left out.
    """
    times: list[tuple[int, int]] = []
    size = 0, 0

    def tensors() -> Iterator[Tensor]:
        nonlocal size
        for step in steps:
            times.extend((picture.pts, picture.duration) for picture in step)
            frames = torch.stack([from_planes(p.y, p.u, p.v, bit_depth) for p in step], dim=1)
            size = frames.shape[2] // PATCH, frames.shape[3] // PATCH
            yield frames
            analysed(len(step))

    own, chosen = analyse_at_best_size(model, tensors(), quality, weights, settings)
    return AnalysedGop(tuple(pts for pts, _ in times), times[-1][1], size, own, chosen)


def chunk_of(model: Model, gop: AnalysedGop, coded: CodedGop | None = None) -> GopChunk:
    """The chunk of a GOP, its planes coded, or `coded` already but not checked."""
    coded = checked_planes(model, gop.frames, gop.size, coded or code_planes(model, gop.frames, gop.quality))
    return GopChunk(
        pts=gop.pts,
        duration=gop.duration,
        quality=coded.quality.others,
        first_quality=coded.quality.first,
        halvings=coded.quality.halvings,
        plane_counts=coded.plane_counts,
        planes_crc=coded.planes_crc,
        payload=coded.payload,
    )
