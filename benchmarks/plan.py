"""What a run of the benchmark is asked for, and which coders at which settings that makes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nvcodec.benchmarks.coders.ffmpeg import Ffmpeg, find_ffmpeg
from nvcodec.benchmarks.coders.ours import Ours, longest_gop, our_coder
from nvcodec.benchmarks.coders.process import Programs
from nvcodec.benchmarks.coders.rivals import Rival, rival_coder
from nvcodec.benchmarks.coders.table import ENCODERS, FAMILIES, LONG, SCALED, SERIES, Encoder
from nvcodec.benchmarks.coders.way import Way
from nvcodec.benchmarks.results import OURS, Clip

from nvcodec.codec.gop_size import gop_frames
from nvcodec.errors import NvcodecError

BITS_PER_PIXEL_MAX = 0.3  # rates beyond are nobody's for this codec: a coder's settings are tried until one passes it


class PlanError(NvcodecError):
    """The benchmark is asked for something that there is not."""


@dataclass(frozen=True)
class Plan:
    """A run.

    `against`: families (hevc, vvc, av1, h264) or single encoders of the table (x265-slow). `qualities`: settings by
    "nvcodec", family or encoder, for those that shall not take their own. `metrics` None: all that can be measured.
    `frames`: at most so many of each clip; `scale` as in `MediaReader`. `threads` 0: as many as each of `jobs`
    programs at a time can have.
    """

    clips: tuple[Path, ...]
    against: tuple[str, ...] = FAMILIES
    series: tuple[str, ...] = (LONG,)
    qualities: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    metrics: tuple[str, ...] | None = None
    frames: int | None = None
    scale: str | None = None
    threads: int = 0
    jobs: int = 1
    scaled_rivals: bool = False
    model: str = "tiny"

    def __post_init__(self) -> None:
        rivals = {*FAMILIES, *(encoder.name for encoder in ENCODERS)}
        _known("--against", self.against, rivals)
        _known("--series", self.series, SERIES)
        _known("--quality", self.qualities, {OURS, *rivals})
        for setting in self.qualities.get(OURS, ()):
            if setting not in range(1, 101):
                raise PlanError(f"--quality: {setting:g} is none of nvcodec's, which are whole numbers from 1 to 100")
        if not self.clips:
            raise PlanError("there is no clip to measure on")


def encoders_of(plan: Plan) -> list[Encoder]:
    """The rivals that the plan names, in the order of the table."""
    return [encoder for encoder in ENCODERS if {encoder.name, encoder.family} & set(plan.against)]


def ffmpeg_for(plan: Plan) -> Ffmpeg:
    """One that can run all the plan's rivals; FfmpegMissing otherwise."""
    rivals = encoders_of(plan)
    libraries, decoders = ({getattr(each, name) for each in rivals} for name in ("library", "decoder"))
    return find_ffmpeg(sorted(libraries), sorted(decoders))


def usual_gop(clips: Sequence[Clip]) -> int:
    """Frames of nvcodec's GOPs where nobody asks for other ones, and of the rivals' in the random-access series."""
    return min(gop_frames(clip.width, clip.height, None) for clip in clips)


def ways_of(
    plan: Plan, clips: Sequence[Clip], ffmpeg: Ffmpeg, programs: Programs, threads: int, tunings: Collection[str]
) -> list[Way]:
    """Every coder of the plan: ours in every series, then the rivals, in each series as tuned for each of `tunings`."""
    gop, longest = usual_gop(clips), min(longest_gop(clip.width, clip.height) for clip in clips)
    scales = (1.0, SCALED) if plan.scaled_rivals else (1.0,)
    series = [name for name in SERIES if name in plan.series]
    ours = (our_coder(name, gop=gop, longest_gop=longest, threads=threads, model=plan.model) for name in series)
    rivals = (
        (encoder, rival_coder(encoder, ffmpeg, tuned=tuned, series=name, gop=gop, threads=threads, scale=scale))
        for encoder in encoders_of(plan)
        for scale in scales
        for name in series
        for tuned in encoder.tunings(tunings)
    )
    return [
        *(Ours(coder, programs, threads) for coder in ours),
        *(Rival(coder, encoder, ffmpeg, programs, threads) for encoder, coder in rivals),
    ]


def settings_of(plan: Plan, way: Way) -> tuple[tuple[float, ...], float | None]:
    """A coder's settings, and the bits per pixel beyond which the rest are left; None for those asked for."""
    names = (way.encoder.name, way.encoder.family) if isinstance(way, Rival) else (OURS,)
    for name in names:
        if name in plan.qualities:
            return plan.qualities[name], None
    return way.qualities, BITS_PER_PIXEL_MAX


def _known(option: str, names: Collection[str], there: Collection[str]) -> None:
    for name in names:
        if name not in there:
            raise PlanError(f"{option}: there is no {name!r}; there are {', '.join(sorted(there))}")
