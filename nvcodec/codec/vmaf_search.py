"""One GOP to a VMAF: the lowest quality found whose pictures, as they will be shown, reach it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from nvcodec.bitstream import GopChunk, latent_frames
from nvcodec.errors import NvcodecError
from nvcodec.media.vmaf import vmaf_of
from nvcodec.tokenizer.quantize import QUALITY_MAX, QUALITY_MIN
from nvcodec.weights import Model

from .coded_size import nominal
from .gop import GopQuality, planned_quality
from .gop_coding import Analysed, AnalysedGop, analysed_gop, chunk_of
from .raw_gop import RawGop
from .reports import RateReport, mean_over_frames
from .shown import shown_planes

VMAF_MAX = 100
GUESS = 45  # where every search begins, so that what is found hangs on nothing but the GOP
PER_QUALITY, LEAST_PER_QUALITY = 1.5, 0.2  # VMAF that a quality is taken to add: at first, and at least ever
STRAIGHT_TRIES = 5  # by straight lines; after these by halves, so that seven more are enough whatever the curve


@dataclass(frozen=True)
class MeasuredGop(GopChunk):
    """A GOP, and the mean VMAF of its pictures."""

    vmaf: float = 0.0


def search_quality(vmaf_at: Callable[[int], float], target: float) -> int:
    """A quality that reaches `target` where the one below does not; 1 where all that was tried do, 100 where none.

    `vmaf_at` is asked once for a quality. VMAF grows with quality but for a little here and there, so what is found
    is nearly always the lowest of all.
    """
    below, above = QUALITY_MIN - 1, QUALITY_MAX + 1  # one that fails, and one that reaches it
    known: dict[int, float] = {}
    quality = GUESS
    while True:
        known[quality] = vmaf_at(quality)
        if known[quality] >= target:
            above = quality
        else:
            below = quality
        if above - below == 1:
            return min(above, QUALITY_MAX)
        quality = _between(known, below, above, target)


def _between(known: dict[int, float], below: int, above: int, target: float) -> int:
    """Where to look next, strictly between the two: where a line through the two nearest meets the target."""
    if len(known) >= STRAIGHT_TRIES:
        return (below + above) // 2
    nearest = sorted(known, key=lambda quality: abs(known[quality] - target))[:2]
    slope = PER_QUALITY
    if len(nearest) == 2:
        near, other = nearest
        slope = max(LEAST_PER_QUALITY, (known[near] - known[other]) / (near - other))
    likely = nearest[0] + math.ceil((target - known[nearest[0]]) / slope)
    return min(above - 1, max(below + 1, likely))


def chunk_reaching(model: Model, gop: RawGop, target: float, analysed: Analysed) -> MeasuredGop:
    """The GOP coded so that its VMAF reaches `target`, or at quality 100. `analysed` is told once, of all."""
    made: dict[int, tuple[AnalysedGop, float]] = {}
    latents = latent_frames(len(gop.pictures))

    def vmaf_at(quality: int) -> float:
        own = planned_quality(quality, latents)
        steps = gop.steps()
        coded = analysed_gop(model, steps, gop.bit_depth, own, lambda frames: None, gop.weights, gop.settings)
        score = _vmaf(model, gop, coded)
        if score >= target or quality == QUALITY_MAX:
            made.clear()  # each that reaches it is lower than those before
            made[quality] = coded, score
        return score

    coded, score = made[search_quality(vmaf_at, target)]
    analysed(len(gop.pictures))
    return MeasuredGop(**vars(chunk_of(model, coded)), vmaf=score)


def _vmaf(model: Model, gop: RawGop, coded: AnalysedGop) -> float:
    """Of the pictures that a decoder will show of it."""
    height, width = gop.pictures[0].y.shape
    levels = (frame.level for frame in coded.frames)
    shown = shown_planes(model, levels, coded.quality, (width, height), gop.bit_depth)
    pairs = (((picture.y, picture.u, picture.v), planes) for picture, planes in zip(gop.pictures, shown, strict=False))
    return vmaf_of(pairs, gop.bit_depth, torch.get_num_threads())


class VmafTally:
    """What came of the search, over all GOPs."""

    def __init__(self, target: float) -> None:
        self.target = target
        self._gops: list[tuple[int, int, float]] = []  # frames, quality, VMAF

    def coded(self, gop: GopChunk) -> None:
        """A GOP is coded."""
        assert isinstance(gop, MeasuredGop)
        self._gops.append((len(gop.pts), nominal(GopQuality.of(gop)).others, gop.vmaf))

    def report(self) -> RateReport:
        """The means are over frames."""
        vmaf = mean_over_frames([(frames, vmaf) for frames, _, vmaf in self._gops])
        return RateReport.over(self.target, round(vmaf, 4), [(frames, quality) for frames, quality, _ in self._gops])

    def warnings(self) -> tuple[str, ...]:
        """One where quality 100 is not enough."""
        short = [vmaf for _, _, vmaf in self._gops if vmaf < self.target]
        if not short:
            return ()
        gops = f"{len(short)} of {len(self._gops)} groups of pictures"
        return (f"{gops} do not reach VMAF {self.target:g} even at quality 100, the worst {min(short):.2f}",)


def check_vmaf(target: float) -> None:
    """NvcodecError for what no VMAF can be."""
    if not 0 < target <= VMAF_MAX:
        raise NvcodecError(f"a VMAF to reach is above 0 and at most {VMAF_MAX}, not {target:g}")
