"""Pictures with their times, between files and the frames of a model's square; several of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nvcodec.media import MediaReader, Picture, VideoFormat
from nvcodec.media.square import Framing, framing_of, square_format, squared, stored_scale
from nvcodec.tokenizer.frames import from_planes, to_planes

USUAL_RATE = Fraction(25)  # pictures a second of what does not say


@dataclass(frozen=True, eq=False)
class Film:
    """Pictures of 8 bits with their times, all in memory; `video` says size, rate and colour of all."""

    video: VideoFormat
    pictures: tuple[Picture, ...]

    @property
    def rate(self) -> Fraction:
        """Pictures a second, nominally."""
        return self.video.frame_rate or USUAL_RATE

    def last(self, count: int) -> Film:
        """Its last `count` pictures."""
        return replace(self, pictures=self.pictures[-count:])

    def frames(self) -> Tensor:
        """`[6, T, H/2, W/2]` float32, as the tokenizer sees them."""
        return torch.stack([from_planes(p.y, p.u, p.v, 8) for p in self.pictures], dim=1)

    def with_frames(self, frames: Tensor) -> Film:
        """The same times with other pictures, `[6, T, H/2, W/2]` of the same size."""
        planes = to_planes(frames, self.video.width, self.video.height, 8)
        pairs = zip(self.pictures, planes, strict=True)
        return replace(self, pictures=tuple(replace(p, y=y, u=u, v=v) for p, (y, u, v) in pairs))

    def followed_by(self, frames: Tensor) -> tuple[Film, Film]:
        """The film with `frames` [6, n, H/2, W/2] behind it at its rate, and these alone, which begin at 0."""
        step = max(1, round(1 / (self.rate * self.video.time_base)))
        last = self.pictures[-1]
        planes = to_planes(frames, self.video.width, self.video.height, 8)
        alone = tuple(Picture(number * step, *three, step) for number, three in enumerate(planes))
        behind = tuple(replace(picture, pts=last.pts + step + picture.pts) for picture in alone)
        video = replace(self.video, frame_rate=self.rate)
        before = (*self.pictures[:-1], replace(last, duration=step))
        return Film(video, before + behind), Film(video, alone)


def film_of(frames: Tensor, rate: Fraction = USUAL_RATE) -> Film:
    """Frames `[6, T, H/2, W/2]`, shown at `rate` pictures a second."""
    height, width = (2 * side for side in frames.shape[2:])
    video = VideoFormat(width=width, height=height, time_base=1 / rate, frame_rate=rate)
    planes = to_planes(frames, width, height, 8)
    return Film(video, tuple(Picture(number, *three, 1) for number, three in enumerate(planes)))


def read_film(
    source: str | Path,
    size: int,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    most: int | None = None,
) -> tuple[Film, Framing]:
    """The pictures of a video or still, upright, as they fill a square of `size` pixels, and how they do.

    `most`: no more than so many. UnsupportedInput for what cannot be read.
    """
    part = {"start_s": start_s, "duration_s": duration_s, "audio": False}
    with MediaReader(source, **part) as media:
        framing = framing_of(media.video, size)
        scale = stored_scale(framing, media.video)
    with MediaReader(source, **part, scale=scale) as media:
        items = (item for item in media.items() if isinstance(item, Picture))
        pictures = tuple(squared(item, media.video, framing) for item in islice(items, most))
    return Film(square_format(media.video, size), pictures), framing


def tiled(films: Sequence[Film], columns: int) -> Film:
    """Films of one size and length in one, row by row of `columns`; what is left over is black."""
    first = films[0]
    rows = -(-len(films) // columns)
    video = replace(first.video, width=columns * first.video.width, height=rows * first.video.height)
    shown = (_tile([film.pictures[number] for film in films], columns) for number in range(len(first.pictures)))
    return Film(video, tuple(shown))


def sheet(films: Sequence[Film], columns: int) -> Film:
    """One picture: a row for every film, in it `columns` of its pictures, spread evenly, or all if there are fewer."""
    count = min(columns, *(len(film.pictures) for film in films))
    chosen = [film.pictures[place] for film in films for place in _spread(len(film.pictures), count)]
    first = films[0].video
    video = replace(first, width=count * first.width, height=len(films) * first.height)
    return Film(video, (_tile(chosen, count),))


def _spread(length: int, count: int) -> list[int]:
    """`count` places in 0 … length − 1, both ends among them."""
    return [round(place * (length - 1) / max(1, count - 1)) for place in range(count)]


def _tile(pictures: Sequence[Picture], columns: int) -> Picture:
    """One picture of many of the same size, with the times of the first."""
    black = {"y": 16, "u": 128, "v": 128}

    def joined(plane: str) -> np.ndarray:
        parts = [getattr(picture, plane) for picture in pictures]
        parts += [np.full_like(parts[0], black[plane])] * (-len(parts) % columns)
        return np.vstack([np.hstack(parts[begin : begin + columns]) for begin in range(0, len(parts), columns)])

    return replace(pictures[0], y=joined("y"), u=joined("u"), v=joined("v"))
