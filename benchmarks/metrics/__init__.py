"""How good a decoded clip is: the same code on the same 8-bit 4:2:0 frames, whoever coded them.

A `Meter` measures one or several metrics at once. `meters` gives those that are asked for; what is not installed
is an error where it was asked for by name, and left out, with the reason, where everything was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nvcodec.benchmarks.coders.ffmpeg import Ffmpeg
from nvcodec.benchmarks.coders.process import Programs

from nvcodec.errors import NvcodecError

from . import lpips, psnr, vmaf, xpsnr
from .meter import Absent, Meter, Pair

__all__ = ["NAMES", "Chosen", "Meter", "MetricMissing", "Pair", "meters"]

NAMES = (*psnr.NAMES, *vmaf.NAMES, *xpsnr.NAMES, *lpips.NAMES)


class MetricMissing(NvcodecError):
    """A metric is not known, or cannot be measured on this machine."""


@dataclass(frozen=True)
class Chosen:
    """What is measured, and what is not although nobody named it, each with the reason."""

    meters: tuple[Meter, ...]
    absent: tuple[Absent, ...]


def meters(wanted: Sequence[str] | None, ffmpeg: Ffmpeg, programs: Programs, threads: int) -> Chosen:
    """Meters for the metrics `wanted`; None: for all that can be had. MetricMissing for one that can't be."""
    strangers = [name for name in wanted or () if name not in NAMES]
    if strangers:
        raise MetricMissing(f"there is no metric {strangers[0]!r}; there are {', '.join(NAMES)}")
    found = (
        psnr.meter(),
        vmaf.meter(ffmpeg, programs, threads),
        xpsnr.meter(ffmpeg, programs),
        lpips.meter(),
    )
    absent = [each for each in found if isinstance(each, Absent)]
    for each in absent:
        asked = [name for name in each.names if name in (wanted or ())]
        if asked:
            raise MetricMissing(f"{asked[0]} cannot be measured here: {each.reason}")
    there = [each for each in found if isinstance(each, Meter)]
    if wanted is None:
        return Chosen(tuple(there), tuple(absent))
    return Chosen(tuple(each for each in there if set(each.names) & set(wanted)), ())
