"""What a picture, a sound packet and a video stream are to the codec: plain values, free of FFmpeg."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from nvcodec.errors import UnsupportedInput

CHROMA_FORMATS = ("420", "422", "444", "400")
BIT_DEPTHS = (8, 10, 12, 16)
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".webm", ".mov", ".y4m"})  # of files that folders are searched for
STILL_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
MAX_SIDE = 16384


@dataclass(frozen=True)
class Colour:
    """How sample values become light: code points of ITU-T H.273, 2 meaning "not said"."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False
    chroma_location: int = 0  # FFmpeg's AVChromaLocation: 0 not said, 1 left, 2 centre, 3 top left


@dataclass(frozen=True)
class VideoFormat:
    """One video stream.

    `width` and `height` are those of the stored pictures, before `rotation` (degrees counter-clockwise, as in
    FFmpeg's display matrix) is applied for showing. Pictures inside nvcodec are always 4:2:0; `chroma` and
    `alpha` remember what the source had. `bit_depth` is one of 8, 10, 12 and 16. `frame_rate` is the nominal
    one and None for a still; the times of pictures are their own `pts`, in units of `time_base` seconds.
    """

    width: int
    height: int
    time_base: Fraction
    frame_rate: Fraction | None = None
    sample_aspect_ratio: Fraction = Fraction(1)
    rotation: int = 0
    chroma: str = "420"
    bit_depth: int = 8
    colour: Colour = field(default_factory=Colour)
    interlaced: bool = False
    alpha: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise UnsupportedInput(
                f"pictures of {self.width}x{self.height} are not supported (1x1 to {MAX_SIDE}x{MAX_SIDE} are)"
            )
        if self.chroma not in CHROMA_FORMATS:
            raise ValueError(f"chroma must be one of {CHROMA_FORMATS}, not {self.chroma!r}")
        if self.bit_depth not in BIT_DEPTHS:
            raise ValueError(f"bit_depth must be one of {BIT_DEPTHS}, not {self.bit_depth}")
        if self.time_base <= 0:
            raise ValueError(f"time_base must be positive, not {self.time_base}")

    @property
    def chroma_size(self) -> tuple[int, int]:
        """Width and height of the u and v planes of a 4:2:0 picture: halves, rounded up."""
        return (self.width + 1) // 2, (self.height + 1) // 2

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Type of the samples: uint8 for 8 bits, else uint16 holding values of `bit_depth` bits."""
        return np.uint8 if self.bit_depth == 8 else np.uint16


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture, 4:2:0.

    y: [H, W]; u, v: [ceil(H / 2), ceil(W / 2)]; uint8, or uint16 holding `VideoFormat.bit_depth`-bit values.
    `pts` and `duration` (0 when not known) are in units of `VideoFormat.time_base`.
    """

    pts: int
    y: np.ndarray
    u: np.ndarray
    v: np.ndarray
    duration: int = 0


@dataclass(frozen=True)
class Track:
    """A sound or subtitle stream that is carried along without being decoded.

    `codec` is FFmpeg's name of the format ("aac", "subrip"). `parameters` holds, for sound, `sample_rate`,
    `channels`, `layout` (FFmpeg's name, "5.1(side)") and, where the coder adds samples in front, `padding`
    (their number, to be skipped by the player).
    """

    kind: str
    codec: str
    time_base: Fraction
    extradata: bytes = b""
    parameters: dict[str, str | int] = field(default_factory=dict)
    language: str = ""
    title: str = ""
    default: bool = False


@dataclass(frozen=True)
class Packet:
    """One coded packet of `tracks[track]`; times in units of that track's `time_base`, None if not known."""

    track: int
    pts: int | None
    dts: int | None
    duration: int
    keyframe: bool
    data: bytes


def parse_scale(text: str, width: int, height: int) -> tuple[int, int]:
    """Size wanted by `--scale`: "640x360", or a factor for both sides such as "0.5" or "1/2".

    >>> parse_scale("1/2", 1279, 720)
    (640, 360)

    Raises UnsupportedInput when the text is neither, or the size is not within 1x1 to 16384x16384.
    """
    try:
        if "x" in text.lower():
            wide, high = (int(side) for side in text.lower().split("x"))
        else:
            factor = Fraction(text.strip())
            if factor <= 0:
                raise ValueError(text)
            wide, high = (max(1, int(side * factor + Fraction(1, 2))) for side in (width, height))
    except (ValueError, ZeroDivisionError):
        raise UnsupportedInput(
            f"scale {text!r} is neither WIDTHxHEIGHT nor a factor such as 0.5 or 1/2"
        ) from None
    if not (1 <= wide <= MAX_SIDE and 1 <= high <= MAX_SIDE):
        raise UnsupportedInput(
            f"scale {text!r} makes pictures of {wide}x{high}; 1x1 to {MAX_SIDE}x{MAX_SIDE} will do"
        )
    return wide, high


def scaled_aspect(aspect: Fraction, before: tuple[int, int], after: tuple[int, int]) -> Fraction:
    """Sample aspect ratio that keeps a picture's shape when its stored size changes.

    Rounding of the new size alone (less than half a pixel on either side) leaves the ratio as it was.
    """
    exact = aspect * Fraction(before[0] * after[1], before[1] * after[0])
    wanted_width = Fraction(after[1] * before[0], before[1])
    wanted_height = Fraction(after[0] * before[1], before[0])
    if abs(after[0] - wanted_width) < 1 or abs(after[1] - wanted_height) < 1:
        return aspect
    return exact
