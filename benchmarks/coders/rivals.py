"""The rivals at work: FFmpeg's command lines, made of `table.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nvcodec.benchmarks.clips import Prepared
from nvcodec.benchmarks.raw import eight_bits
from nvcodec.benchmarks.results import Coder, Cost

from .ffmpeg import Ffmpeg, library_version
from .process import ProgramFailed, Programs
from .table import Encoder
from .way import check_decoded

RESAMPLING = "flags=lanczos+accurate_rnd"
TIME = re.compile(r"^bench: .*rtime=([\d.]+)s", re.MULTILINE)


def rival_coder(
    encoder: Encoder, ffmpeg: Ffmpeg, *, tuned: str, series: str, gop: int, threads: int, scale: float = 1.0
) -> Coder:
    """An encoder of the table with all its settings, as results name it."""
    arguments = encoder.arguments(tuned, series, gop, threads)
    if scale != 1:
        sides = ":".join(f"trunc({side}*{scale:g}/2)*2" for side in ("iw", "ih"))
        arguments = ("-vf", f"scale={sides}:{RESAMPLING}", *arguments)
    return Coder(
        key="-".join([encoder.name, tuned, series, *([] if scale == 1 else [f"at{scale:g}"])]),
        label=encoder.label,
        family=encoder.family,
        version=f"{library_version(ffmpeg.path, encoder.library)} in FFmpeg {ffmpeg.version}",
        series=series,
        tuned=tuned,
        arguments=arguments,
        scale=scale,
    )


@dataclass(frozen=True)
class Rival:
    """A `Way` through FFmpeg. Times are FFmpeg's own, from its first frame read to its last byte written."""

    coder: Coder
    encoder: Encoder
    ffmpeg: Ffmpeg
    programs: Programs
    threads: int

    @property
    def qualities(self) -> tuple[float, ...]:
        """Those of the table."""
        return self.encoder.qualities

    def encode(self, clip: Prepared, setting: float, stream: Path) -> Cost:
        """Code the clip as an elementary stream."""
        return self._ffmpeg(*encode_arguments(self.coder, clip, setting), str(stream))

    def decode(self, stream: Path, clip: Prepared, yuv: Path) -> Cost:
        """Decode with the decoder that FFmpeg uses by itself, and scale back to the clip's size."""
        deep = yuv.with_suffix(".deep") if self.encoder.pixels != "yuv420p" else yuv
        size = f"scale={clip.clip.width}:{clip.clip.height}:{RESAMPLING}"
        cost = self._ffmpeg(
            *("-threads", str(self.threads), "-f", self.encoder.muxer, "-c:v", self.encoder.decoder),
            *("-i", str(stream), "-fps_mode", "passthrough"),
            *(() if self.coder.scale == 1 else ("-vf", size)),
            *("-pix_fmt", self.encoder.pixels, "-f", "rawvideo", str(deep)),
        )
        if deep != yuv:
            eight_bits(deep, yuv, clip.clip.pixels // clip.clip.frames * 3 // 2)
            deep.unlink()
        check_decoded(yuv, clip.clip)
        return cost

    def _ffmpeg(self, *arguments: str) -> Cost:
        command = [self.ffmpeg.path, "-hide_banner", "-nostats", "-benchmark", "-y", *arguments]
        ran = self.programs.run(command)
        took = TIME.search(ran.stderr)
        if took is None:
            raise ProgramFailed("ffmpeg does not say how long it took")
        return Cost(float(took[1]), ran.peak_bytes, self.threads)


def encode_arguments(coder: Coder, clip: Prepared, setting: float) -> Sequence[str]:
    """What FFmpeg is told before the name of the output: bare samples, with no word of colour to be passed on."""
    size, rate = f"{clip.clip.width}x{clip.clip.height}", f"{clip.rate.numerator}/{clip.rate.denominator}"
    source = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", size, "-framerate", rate, "-i", str(clip.yuv))
    return (*source, *(text.replace("{quality}", f"{setting:g}") for text in coder.arguments))
