"""Which decoded frames the page shows beside each other: for every clip, files of about the same rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nvcodec.benchmarks.axes import EYES, tuned_for
from nvcodec.benchmarks.results import OURS, Clip, Coder, Measurement, Results

PLACES = (0.25, 0.75)  # of our files of a clip, by rate: which ones are shown


@dataclass(frozen=True)
class Shown:
    """A file one frame of which is to be seen."""

    coder: Coder
    file: Measurement


@dataclass(frozen=True)
class Match:
    """One of our files and, of each rival, the one whose rate is nearest."""

    clip: Clip
    ours: Shown
    rivals: tuple[Shown, ...]


def matches(results: Results) -> list[Match]:
    """At two rates a clip; the lower one of every clip first. Rivals as tuned for the eye where they were."""
    found = []
    for place in PLACES:
        for clip in results.clips:
            ours = [shown for coder in results.coders if coder.family == OURS for shown in _files(results, clip, coder)]
            ours = [shown for shown in ours if shown.coder == ours[0].coder]
            if not ours:
                continue
            mine = ours[round(place * (len(ours) - 1))]
            rivals = [coder for coder in results.coders if coder.family != OURS]
            alike = [coder for coder in rivals if coder.series == mine.coder.series] or rivals
            near = (_nearest(_files(results, clip, coder), mine) for coder in tuned_for(EYES, alike))
            match = Match(clip, mine, tuple(shown for shown in near if shown))
            if match not in found:
                found.append(match)
    return found


def _files(results: Results, clip: Clip, coder: Coder) -> list[Shown]:
    """A coder's files of a clip, by rate."""
    files = [
        Shown(coder, m)
        for m in results.measurements
        if (m.clip, m.coder) == (clip.name, coder.key) and m.error is None and m.bits_per_pixel > 0
    ]
    return sorted(files, key=lambda shown: shown.file.bits_per_pixel)


def _nearest(files: list[Shown], mine: Shown) -> Shown | None:
    rate = mine.file.bits_per_pixel
    return min(files, key=lambda shown: abs(math.log(shown.file.bits_per_pixel / rate)), default=None)
