"""The rivals' settings: everything that is asked of x264, x265, vvenc and SVT-AV1 stands here, and nothing else does.

Each is what somebody would use who wants it at its best and can wait a little:

- `-tune psnr`, vvenc's `-qpa 0` and SVT-AV1's `tune=1` for PSNR and its kin; for metrics of seeing, the encoder's own
  defaults, where they are others.
- Nothing in the stream that needn't be there: no text of settings (x265 `info=0`, x264's SEI taken out), no access
  unit delimiters (vvenc). AV1's temporal delimiters stay, two bytes a frame: its format demands them.
- B-frames, except where a series must do without frames from the future.
- Qualities from the lowest rate the encoder can reach, upwards.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from nvcodec.benchmarks.axes import EYES, PSNR

LONG, RANDOM_ACCESS, LOW_DELAY = "long", "random-access", "low-delay"
SERIES = (LONG, RANDOM_ACCESS, LOW_DELAY)
TUNINGS = (PSNR, EYES)
AHEAD = 4  # frames a low-delay encoder may look ahead: as many as nvcodec collects for a step
SCALED = 0.5  # the share of width and height at which `--scaled-rivals` code


@dataclass(frozen=True)
class Words:
    """What an encoder is told: options of FFmpeg, and parameters of the library's own."""

    options: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    def __add__(self, other: Words) -> Words:
        return Words(self.options + other.options, self.parameters + other.parameters)


@dataclass(frozen=True)
class Encoder:
    """An encoder at a preset.

    `library` and `decoder` are FFmpeg's names, `muxer` that of the elementary stream; `pixels` is what it is fed.
    {quality}, {gop} and {threads} stand for their values. `qualities` go from the lowest rate to the highest. One
    that is not `tuned` for the eye is the same for both.
    """

    name: str
    label: str
    family: str
    library: str
    decoder: str
    muxer: str
    parameters_option: str
    always: Words
    tuned: dict[str, Words]
    series: dict[str, Words]
    qualities: tuple[float, ...]
    pixels: str = "yuv420p"

    def tunings(self, wanted: Collection[str]) -> list[str]:
        """Those it needs to be run with so that it is at its best for what `wanted` are tuned for."""
        needed = {each if each in self.tuned else PSNR for each in wanted}
        return [each for each in TUNINGS if each in needed]

    def arguments(self, tuned: str, series: str, gop: int, threads: int) -> tuple[str, ...]:
        """All that makes the stream, {quality} standing for the setting."""
        words = self.always + self.tuned[tuned] + self.series[series]
        texts = ("-pix_fmt", self.pixels, "-c:v", self.library, *words.options)
        texts += (self.parameters_option, ":".join(words.parameters))
        filled = (text.replace("{gop}", str(gop)).replace("{threads}", str(threads)) for text in texts)
        return (*filled, "-f", self.muxer)


def _x264(preset: str) -> Encoder:
    return Encoder(
        name=f"x264-{preset}",
        label=f"x264 {preset}",
        family="h264",
        library="libx264",
        decoder="h264",
        muxer="h264",
        parameters_option="-x264-params",
        always=Words(
            ("-preset", preset, "-crf", "{quality}", "-threads", "{threads}", "-bsf:v", "filter_units=remove_types=6"),
            ("scenecut=0",),
        ),
        tuned={PSNR: Words(("-tune", "psnr")), EYES: Words()},
        series={
            LONG: Words(parameters=("keyint=infinite",)),
            RANDOM_ACCESS: Words(parameters=("keyint={gop}",)),
            LOW_DELAY: Words(parameters=("keyint=infinite", "bframes=0", f"rc-lookahead={AHEAD}", "sync-lookahead=0")),
        },
        qualities=(51, 47, 43, 39, 35, 31, 27, 23, 19),
    )


def _x265(preset: str) -> Encoder:
    return Encoder(
        name=f"x265-{preset}",
        label=f"x265 {preset}",
        family="hevc",
        library="libx265",
        decoder="hevc",
        muxer="hevc",
        parameters_option="-x265-params",
        # No -threads: FFmpeg would make it x265's frame threads, which cost bits; the pool has the threads.
        always=Words(("-preset", preset, "-crf", "{quality}"), ("info=0", "pools={threads}", "scenecut=0")),
        tuned={PSNR: Words(("-tune", "psnr")), EYES: Words()},
        series={
            LONG: Words(parameters=("keyint=-1",)),
            RANDOM_ACCESS: Words(parameters=("keyint={gop}",)),
            LOW_DELAY: Words(parameters=("keyint=-1", "bframes=0", f"rc-lookahead={AHEAD}")),
        },
        qualities=(51, 46, 42, 38, 34, 30, 26, 22, 18),
    )


def _vvenc(preset: str) -> Encoder:
    return Encoder(
        name=f"vvenc-{preset}",
        label=f"vvenc {preset}",
        family="vvc",
        library="libvvenc",
        decoder="vvc",
        muxer="vvc",
        parameters_option="-vvenc-params",
        always=Words(
            ("-preset", preset, "-qp", "{quality}", "-threads", "{threads}"),
            ("accessunitdelimiter=0",),
        ),
        tuned={PSNR: Words(("-qpa", "0")), EYES: Words(("-qpa", "1"))},
        series={
            LONG: Words(parameters=("intraperiod=-1",)),
            RANDOM_ACCESS: Words(parameters=("intraperiod={gop}",)),
            # vvenc takes low delay in this combination alone.
            LOW_DELAY: Words(parameters=("intraperiod=-1", "picreordering=0", "gopsize=8", "decodingrefreshtype=none")),
        },
        qualities=(63, 57, 52, 47, 42, 37, 32, 27, 22),
        pixels="yuv420p10le",
    )


def _svt_av1(preset: int) -> Encoder:
    return Encoder(
        name=f"svt-av1-{preset}",
        label=f"SVT-AV1 preset {preset}",
        family="av1",
        library="libsvtav1",
        decoder="libdav1d",
        muxer="obu",
        parameters_option="-svtav1-params",
        # The library's CRF reaches 70, FFmpeg's option of that name only 63. lp is a level, 6 at most, and no count of
        # threads; where the system can, `process.py` holds every program to as many processors.
        always=Words(("-preset", str(preset)), ("crf={quality}", "lp={threads}")),
        # Its default is this too, and wins over tune=0 even at VMAF (measured on big buck bunny: 4 to 8 % fewer bits).
        tuned={PSNR: Words(parameters=("tune=1",))},
        series={
            LONG: Words(parameters=("keyint=-1",)),
            RANDOM_ACCESS: Words(("-g", "{gop}")),
            LOW_DELAY: Words(parameters=("keyint=-1", "pred-struct=1")),
        },
        qualities=(70, 67, 63, 58, 52, 45, 37, 29, 21),
    )


ENCODERS = (
    _x265("slow"),
    _x265("veryslow"),
    _vvenc("medium"),
    _vvenc("slow"),
    _svt_av1(4),
    _x264("veryslow"),
)
FAMILIES = tuple(dict.fromkeys(encoder.family for encoder in ENCODERS))
