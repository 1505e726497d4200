"""Two raw clips through a filter of FFmpeg that compares them, frame by frame."""

from __future__ import annotations

from pathlib import Path

from nvcodec.benchmarks.coders.ffmpeg import Ffmpeg
from nvcodec.benchmarks.coders.process import Programs
from nvcodec.benchmarks.results import Clip


def compare(ffmpeg: Ffmpeg, programs: Programs, clip: Clip, first: Path, second: Path, graph: str) -> str:
    """FFmpeg's messages. The frame rate is given to both, so that every frame meets its own.

    It is rounded: XPSNR alone looks at it, and only at the whole number.
    """
    form = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", f"{clip.width}x{clip.height}")
    form += ("-framerate", f"{max(1, int(clip.frame_rate))}")
    inputs = (*form, "-i", str(first), *form, "-i", str(second))
    command = [ffmpeg.path, "-hide_banner", "-nostats", *inputs, "-lavfi", graph, "-f", "null", "-"]
    return programs.run(command).stderr
