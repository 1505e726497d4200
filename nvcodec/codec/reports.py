"""What `encode`, `decode` and `inspect` have to tell, while they work and afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from nvcodec.bitstream import Loss


@dataclass(frozen=True)
class Progress:
    """How far the work has come: `frames` of `total` (None: not known) in `stage`.

    `bytes` of coded pictures have been written or read for the first `pixels` pixels; both 0 where unknown.
    """

    stage: str
    frames: int
    total: int | None
    pixels: int = 0
    bytes: int = 0


Watcher = Callable[[Progress], None]


@dataclass(frozen=True)
class RateReport:
    """What a search came to: bits a second of coded pictures, bytes of the whole file, or mean VMAF over frames.

    The qualities are those of groups of pictures, `quality_mean` over frames.
    """

    asked: float
    reached: float
    quality_min: int
    quality_max: int
    quality_mean: float

    @classmethod
    def over(cls, asked: float, reached: float, gops: Sequence[tuple[int, int]]) -> Self:
        """Of GOPs, each with its frames and quality."""
        qualities = [quality for _, quality in gops]
        return cls(asked, reached, min(qualities), max(qualities), mean_over_frames(gops))


def mean_over_frames(gops: Sequence[tuple[int, float]]) -> float:
    """Of a value that GOPs of so many frames have."""
    return sum(frames * value for frames, value in gops) / sum(frames for frames, _ in gops)


@dataclass(frozen=True)
class EncodeReport:
    """A file as it was written.

    `bytes` is the whole file, `video_bytes` the entropy-coded pictures and `track_bytes` the packets of sound
    and subtitles; `bits_per_pixel` counts everything but these packets. `seconds` is the time it took.
    """

    width: int
    height: int
    frames: int
    gops: int
    duration_s: float
    bytes: int
    video_bytes: int
    track_bytes: int
    bits_per_pixel: float
    model: str
    seconds: float
    warnings: tuple[str, ...] = ()
    rate: RateReport | None = None


@dataclass(frozen=True)
class DecodeReport:
    """A video as it was decoded. `seconds` is the time it took.

    `frames` counts concealed pictures too, `gops` those groups that were whole; `bytes_read` is how much of the file
    was read. `losses` says what was concealed and `damage` what was found wrong with the file; both are empty for a
    whole one.
    """

    width: int
    height: int
    frames: int
    gops: int
    duration_s: float
    model: str
    seconds: float
    bytes_read: int = 0
    losses: tuple[Loss, ...] = ()
    damage: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PlaneReport:
    """Where the bits of a file's pictures went: −log₂ of the probability each bit was coded with, summed.

    `bits_by_plane`: motion, then significance from the most significant plane down, then sign, then
    refinement; `heat` [h, w] float64: bits of every position of the grid, over all latent frames.
    """

    bits_by_plane: dict[str, float]
    heat: np.ndarray
