"""The square in the middle of a picture, as models of few pixels see any video: upright, scaled until it covers the
square, cut around the middle, with 8 bits in limited range."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from nvcodec.errors import UnsupportedInput

from .formats import Colour, Picture, VideoFormat
from .pictures import turned_upright


@dataclass(frozen=True)
class Framing:
    """Where a square of `size` pixels lies over upright pictures of `source` = (width, height) samples.

    They are scaled to `scaled`, even, of which the shorter side is `size`, and the square is cut around the middle.
    """

    source: tuple[int, int]
    scaled: tuple[int, int]
    size: int

    @property
    def corner(self) -> tuple[int, int]:
        """Left and top of the square in the scaled pictures, even for chroma's sake."""
        left, top = ((side - self.size) // 4 * 2 for side in self.scaled)
        return left, top

    def box_in_square(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """What a box (x, y, width, height) of the source touches of the square, in its pixels.

        UnsupportedInput for one that touches nothing of it.
        """
        ends: list[tuple[int, int]] = []
        for axis in (0, 1):
            share = Fraction(self.scaled[axis], self.source[axis])
            begin, end = (place * share - self.corner[axis] for place in (box[axis], box[axis] + box[axis + 2]))
            first, last = max(0, begin.__floor__()), min(self.size, end.__ceil__())
            if first >= last:
                raise UnsupportedInput(f"the box {','.join(map(str, box))} touches nothing of {self._seen()}")
            ends.append((first, last - first))
        (x, width), (y, height) = ends
        return x, y, width, height

    def _seen(self) -> str:
        """What of the source is in the square, for people."""
        shares = [Fraction(before, after) for before, after in zip(self.source, self.scaled, strict=True)]
        x, y = (round(place * share) for place, share in zip(self.corner, shares, strict=True))
        wide, high = (round(self.size * share) for share in shares)
        return f"what a model sees of {self.source[0]}x{self.source[1]} pixels: {wide}x{high} from {x},{y} on"


def framing_of(video: VideoFormat, size: int) -> Framing:
    """How pictures of `video` come to fill a square of `size` pixels, an even number."""
    width, height, aspect = video.width, video.height, video.sample_aspect_ratio
    if _sideways(video):
        width, height, aspect = height, width, 1 / aspect
    shown = width * aspect, Fraction(height)
    wide, high = (max(size, 2 * round(side * size / min(shown) / 2)) for side in shown)
    return Framing((width, height), (wide, high), size)


def stored_scale(framing: Framing, video: VideoFormat) -> str:
    """What `MediaReader` takes as `scale` for pictures of `video`, which may lie on their side."""
    wide, high = framing.scaled[::-1] if _sideways(video) else framing.scaled
    return f"{wide}x{high}"


def squared(picture: Picture, video: VideoFormat, framing: Framing) -> Picture:
    """The square out of a picture that is scaled; `video` describes it as it is scaled."""
    upright, _ = turned_upright(picture, video)
    left, top = framing.corner
    planes = []
    for plane, shrunk in ((upright.y, 1), (upright.u, 2), (upright.v, 2)):
        side = framing.size // shrunk
        part = plane[top // shrunk :, left // shrunk :][:side, :side]
        planes.append(_eight_bits(part, video, luma=shrunk == 1))
    y, u, v = planes
    return replace(upright, y=y, u=u, v=v)


def square_format(video: VideoFormat, size: int) -> VideoFormat:
    """What `squared` makes of pictures of `video`."""
    colour = replace(video.colour, full_range=False, chroma_location=Colour.chroma_location)
    return VideoFormat(
        width=size, height=size, time_base=video.time_base, frame_rate=video.frame_rate, colour=colour
    )


def _sideways(video: VideoFormat) -> bool:
    return round(video.rotation / 90) % 2 == 1


def _eight_bits(plane: np.ndarray, video: VideoFormat, *, luma: bool) -> np.ndarray:
    """Samples of 8 bits in limited range (H.273: 219 steps of luma from 16, 224 of chroma about 128)."""
    plane = plane if video.bit_depth == 8 else plane >> (video.bit_depth - 8)
    if video.colour.full_range:
        levels = np.arange(256)
        table = 16 + levels * 219 / 255 if luma else 128 + (levels - 128) * 224 / 255
        plane = np.rint(table).astype(np.uint8)[plane]
    return np.ascontiguousarray(plane, np.uint8)
