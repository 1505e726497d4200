"""What every media test does: read a whole source, write it, compare pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from nvcodec.media import MediaReader, MediaWriter, Packet, Picture, Track, VideoFormat

CLIPS = Path(__file__).parents[1] / "clips"


@dataclass
class Media:
    """Everything a reader gives."""

    video: VideoFormat
    tracks: tuple[Track, ...]
    tags: dict[str, str]
    warnings: list[str]
    frame_count: int | None
    pictures: list[Picture]
    packets: list[Packet]
    items: list[Picture | Packet]

    @property
    def times(self) -> list[Fraction]:
        """Seconds of the pictures."""
        return [picture.pts * self.video.time_base for picture in self.pictures]

    def sound_times(self, track: int = 0) -> list[Fraction]:
        """Seconds of one track's packets."""
        base = self.tracks[track].time_base
        return [
            packet.pts * base for packet in self.packets if packet.track == track and packet.pts is not None
        ]

    def data(self, track: int = 0) -> list[bytes]:
        """Bytes of one track's packets."""
        return [packet.data for packet in self.packets if packet.track == track]


def read(source: Any, **options: Any) -> Media:
    """Reads a whole source."""
    with MediaReader(source, **options) as media:
        items = list(media.items())
        return Media(
            media.video,
            media.tracks,
            media.tags,
            media.warnings,
            media.frame_count,
            [item for item in items if isinstance(item, Picture)],
            [item for item in items if isinstance(item, Packet)],
            items,
        )


def write(media: Media, target: Any, **options: Any) -> list[str]:
    """Writes what was read; returns the writer's warnings."""
    with MediaWriter(target, media.video, media.tracks, media.tags, **options) as out:
        for item in media.items:
            out.write(item)
    return out.warnings


def psnr(one: Sequence[Picture], two: Sequence[Picture], bit_depth: int = 8) -> float:
    """The worst PSNR of all planes of all pictures, in dB; infinite for equal ones."""
    assert len(one) == len(two) > 0
    worst = 0.0
    for a, b in zip(one, two, strict=True):
        for p, q in ((a.y, b.y), (a.u, b.u), (a.v, b.v)):
            assert p.shape == q.shape and p.dtype == q.dtype
            worst = max(worst, float(np.mean((p.astype(np.float64) - q) ** 2)))
    peak = (1 << bit_depth) - 1
    return float("inf") if worst == 0 else 10 * float(np.log10(peak**2 / worst))
