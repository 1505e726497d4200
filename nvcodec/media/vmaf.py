"""VMAF (Li et al. 2016) of pictures, by Netflix's libvmaf in an FFmpeg program: PyAV's own libraries are without it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import chain
from typing import IO

import numpy as np

from nvcodec.errors import NvcodecError

from .ffmpeg_program import INSTALL, ffmpeg_programs
from .pictures import pixel_format

MODEL = "version=vmaf_v0.6.1"
# Originals and what is shown come in turns through one pipe. The rate is any, but one for both: frame meets frame.
GRAPH = (
    r"split[a][b];[a]select='not(mod(n\,2))',setpts=N/(25*TB)[original];"
    r"[b]select='mod(n\,2)',setpts=N/(25*TB)[shown];[shown][original]"
)

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]  # y [H, W], u and v [⌈H/2⌉, ⌈W/2⌉]


@cache
def vmaf_program() -> str:
    """The first FFmpeg program here that has libvmaf; NvcodecError, which says how to get one, where none has."""
    for path in ffmpeg_programs():
        with suppress(OSError):  # what lies there and does not run is none
            command = [path, "-hide_banner", "-filters"]
            said = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
            if b" libvmaf " in said.stdout:
                return path
    raise NvcodecError(f"VMAF needs an ffmpeg with libvmaf, and there is none: {INSTALL} brings one for most systems")


def vmaf_of(pairs: Iterable[tuple[Planes, Planes]], bit_depth: int, threads: int = 1) -> float:
    """Mean VMAF, 0…100, of `pairs` of an original picture and what is shown of it, one after the other in time.

    Of luma, by the model vmaf_v0.6.1. The frames are taken as a scene of their own: the first has no motion.
    NvcodecError where there is no libvmaf, or where it does not take these pictures.
    """
    pairs = iter(pairs)
    first = next(pairs)
    height, width = first[0][0].shape
    form = ("-f", "rawvideo", "-pix_fmt", pixel_format("420", bit_depth), "-video_size", f"{width}x{height}")
    messages = ("-hide_banner", "-nostats", "-v", "info", "-progress", "pipe:1")
    graph = f"{GRAPH}libvmaf=model='{MODEL}':n_threads={threads}"
    command = [vmaf_program(), *messages, *form, "-framerate", "25", "-i", "pipe:0", "-lavfi", graph, "-f", "null", "-"]
    with tempfile.TemporaryFile() as said:
        sent = _pour(command, chain([first], pairs), said)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    score, frames = re.search(r"VMAF score: ([\d.]+)", text), re.findall(r"^frame=\s*(\d+)", text, re.MULTILINE)
    if score is None or not frames or int(frames[-1]) != sent:
        compared = f"compared {frames[-1] if frames else 'none'} of {sent} pictures of {width}x{height}"
        raise NvcodecError(f"libvmaf {compared} pixels; without --target-vmaf they can be encoded")
    return float(score[1])


def _pour(command: list[str], pairs: Iterator[tuple[Planes, Planes]], said: IO[bytes]) -> int:
    """Runs the program over the pairs to its end, with its messages in `said`; how many pairs there were."""
    sent = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT) as process:
        assert process.stdin is not None
        try:
            for pair in pairs:
                for picture in pair:
                    for plane in picture:
                        process.stdin.write(np.ascontiguousarray(plane).data)
                sent += 1
        except BrokenPipeError:
            pass  # it ended before its time, and its messages are not those of a measurement
        except BaseException:
            process.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
    return sent
