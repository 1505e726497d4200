"""Clips as every coder gets them: read once through `nvcodec.media`, 8-bit 4:2:0, even sides, plain headers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from nvcodec.benchmarks.raw import Planes, read_planes, to_y4m
from nvcodec.benchmarks.results import Clip

from nvcodec.errors import UnsupportedInput
from nvcodec.media import MediaReader, Picture, VideoFormat
from nvcodec.media.images import png_bytes
from nvcodec.media.pictures import picture_to_frame, plane_view

USUAL_RATE = Fraction(25)  # of a still picture


@dataclass(frozen=True, eq=False)
class Prepared:
    """A clip on the disk: `yuv` the bare samples, which rivals and metrics read, `y4m` the same for nvcodec.

    `video` says how the samples become colours, for pictures in reports.
    """

    clip: Clip
    rate: Fraction
    video: VideoFormat
    yuv: Path
    y4m: Path

    def middle_png(self, yuv: Path) -> bytes:
        """The frame in the middle of this clip, or of a decoded copy of it, as people see it."""
        middle = self.clip.frames // 2
        y, u, v = next(islice(read_planes(yuv, self.clip.width, self.clip.height), middle, None))
        return png_bytes(Picture(0, y, u, v), self.video)


def prepare(source: Path, folder: Path, name: str, scale: str | None = None, frames: int | None = None) -> Prepared:
    """Read up to `frames` pictures of a clip at `scale` (as in `MediaReader`) into `folder`.

    An odd last row or column is left out. UnsupportedInput for what cannot be read.
    """
    yuv, y4m = folder / f"{name}.yuv", folder / f"{name}.y4m"
    digest, count = hashlib.sha256(), 0
    with MediaReader(source, scale=scale, audio=False) as media, open(yuv, "wb") as file:
        video = media.video
        width, height = video.width // 2 * 2, video.height // 2 * 2
        if not (width and height):
            raise UnsupportedInput(f"{source}: pictures of {video.width}x{video.height} are too small for 4:2:0")
        for item in media.items():
            if count == frames:
                break
            if isinstance(item, Picture):
                y, u, v = _eight_bits(item, video)
                planes = (y[:height, :width], u[: height // 2, : width // 2], v[: height // 2, : width // 2])
                data = b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes)
                digest.update(data)
                file.write(data)
                count += 1
    rate = video.frame_rate or USUAL_RATE
    to_y4m(yuv, y4m, width, height, f"{rate.numerator}:{rate.denominator}")
    plain = replace(video, width=width, height=height, bit_depth=8, chroma="420", rotation=0, alpha=False)
    return Prepared(Clip(name, digest.hexdigest(), width, height, count, float(rate)), rate, plain, yuv, y4m)


def names_of(sources: Sequence[Path]) -> list[str]:
    """What the clips are called: their files' names without suffix, numbered where two are the same.

    >>> names_of([Path("a/clip.mp4"), Path("b/clip.mkv"), Path("other.mp4")])
    ['clip', 'clip-2', 'other']
    """
    names: list[str] = []
    for source in sources:
        name, number = source.stem, 1
        while name in names:
            number += 1
            name = f"{source.stem}-{number}"
        names.append(name)
    return names


def _eight_bits(picture: Picture, video: VideoFormat) -> Planes:
    if video.bit_depth == 8:
        return picture.y, picture.u, picture.v
    frame = picture_to_frame(picture, video, "yuv420p")
    y, u, v = (plane_view(frame, index, np.uint8) for index in range(3))
    return y, u, v
