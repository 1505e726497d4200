"""XPSNR (Helmrich et al. 2020): PSNR that weighs errors by what the eye would forgive; of luma, by FFmpeg's filter."""

from __future__ import annotations

import re
from functools import partial

from nvcodec.benchmarks.coders.ffmpeg import Ffmpeg
from nvcodec.benchmarks.coders.process import ProgramFailed, Programs

from .filters import compare
from .meter import Absent, Meter, Pair

NAMES = ("xpsnr",)
FOUND = re.compile(r"XPSNR +y: *([\d.]+|inf)")


def meter(ffmpeg: Ffmpeg, programs: Programs) -> Meter | Absent:
    """Needs FFmpeg 7.1 or newer."""
    if "xpsnr" not in ffmpeg.filters:
        return Absent(NAMES, f"{ffmpeg.path} has no filter xpsnr")
    return Meter(NAMES, f"1: FFmpeg {ffmpeg.version}", partial(measure, ffmpeg, programs))


def measure(ffmpeg: Ffmpeg, programs: Programs, pair: Pair) -> dict[str, float]:
    """In dB; infinite for equal frames. The filter takes the original first, for its weights come from there."""
    said = compare(ffmpeg, programs, pair.source.clip, pair.source.yuv, pair.decoded, "xpsnr")
    value = FOUND.search(said)
    if value is None:
        raise ProgramFailed("FFmpeg's filter xpsnr does not give a value")
    return {"xpsnr": float(value[1])}
