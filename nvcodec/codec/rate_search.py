"""One GOP to a size: coded again at other qualities until it is a little smaller than it may be.

Qualities are tried on a *ladder*: rung 5q is quality q as `planned_quality` has it, the next four have a first latent
frame finer by one, two, three and four. On bunny at quality 47 a quality is 5 % of the size, one of the first latent
frame 1 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from nvcodec.bitstream import GopChunk, latent_frames
from nvcodec.tokenizer.quantize import QUALITY_MAX, QUALITY_MIN
from nvcodec.weights import Model

from .coded_size import nominal
from .gop import CodedGop, GopQuality, code_planes, planned_quality
from .gop_coding import Analysed, AnalysedGop, analysed_gop, chunk_of
from .raw_gop import GopBudget, RawGop
from .vmaf_search import chunk_reaching

RUNGS = 5  # of each quality
RUNG_MIN, RUNG_MAX = RUNGS * QUALITY_MIN, RUNGS * QUALITY_MAX
RUNGS_PER_OCTAVE = 59  # that double the size; measured on the clips of the tests, at qualities 20 to 60
TRIES, TRIES_MAX = 4, 8  # as many as a rule, and where what fits is far below the budget
FAR = 0.9  # of the budget: what is below goes on being tried
CLOSE = 0.975  # of the budget: nothing nearer is looked for
AIM = 0.99  # of the budget: what the next try is meant to come to


def rung_quality(rung: int, latents: int) -> GopQuality:
    """The qualities of a rung, for a GOP of `latents` latent frames."""
    plain = planned_quality(rung // RUNGS, latents)
    return GopQuality(min(QUALITY_MAX, plain.first + rung % RUNGS), plain.others)


def rung_of(gop: GopChunk) -> int:
    """The rung at which a GOP was coded."""
    asked = nominal(GopQuality.of(gop))
    plain = planned_quality(asked.others, latent_frames(len(gop.pts)))
    return RUNGS * asked.others + min(RUNGS - 1, max(0, asked.first - plain.first))


@dataclass
class _Tried:
    """Sizes of the rungs that were tried."""

    budget: int
    sizes: dict[int, int] = field(default_factory=dict)

    @property
    def fits(self) -> int | None:
        """The highest rung that is within the budget."""
        return max((rung for rung, size in self.sizes.items() if size <= self.budget), default=None)

    @property
    def exceeds(self) -> int | None:
        """The lowest rung above the highest that fits that is not."""
        least = self.fits or 0
        return min((r for r, size in self.sizes.items() if size > self.budget and r > least), default=None)

    def over(self) -> bool:
        """Whether there is nothing left to try."""
        fits, exceeds = self.fits, self.exceeds
        if fits is None:
            return exceeds == RUNG_MIN
        share = self.sizes[fits] / self.budget
        tries = TRIES if share >= FAR else TRIES_MAX
        return share >= CLOSE or fits == RUNG_MAX or exceeds == fits + 1 or len(self.sizes) >= tries

    def next(self) -> int:
        """The rung at which a line through the logarithms of two sizes, or the usual slope, meets the budget."""
        fits, exceeds = self.fits, self.exceeds
        base = exceeds if fits is None else fits
        assert base is not None
        per_rung = 1 / RUNGS_PER_OCTAVE
        by_rung = sorted(self.sizes)
        known = by_rung[:2] if fits is None else by_rung[-2:] if exceeds is None else [fits, exceeds]
        if len(known) == 2 and self.sizes[known[1]] > self.sizes[known[0]]:
            per_rung = math.log2(self.sizes[known[1]] / max(1, self.sizes[known[0]])) / (known[1] - known[0])
        short = math.log2(max(1, AIM * self.budget) / max(1, self.sizes[base]))
        lowest = RUNG_MIN if fits is None else fits + 1
        highest = RUNG_MAX if exceeds is None else exceeds - 1
        if fits is None and len(self.sizes) >= TRIES:
            return lowest  # far from what is usual: what counts now is to know whether it fits at all
        return min(highest, max(lowest, base + math.floor(short / per_rung)))


def search_rung(size_of: Callable[[int], int], budget: int, guess: int) -> int:
    """The highest rung found whose size, as `size_of` tells, is within `budget`; RUNG_MIN when none is.

    `size_of` is asked once for a rung: TRIES times in all as a rule, TRIES_MAX at most.
    """
    tried = _Tried(budget)
    rung = min(RUNG_MAX, max(RUNG_MIN, guess))
    while True:
        tried.sizes[rung] = size_of(rung)
        if tried.over():
            return tried.fits or RUNG_MIN
        rung = tried.next()


def coded_gop(model: Model, gop: RawGop, analysed: Analysed) -> GopChunk:
    """The chunk of a GOP, at its quality, within its budget or reaching its VMAF. `analysed` is told of frames done."""
    if gop.budget is not None:
        return chunk_within(model, gop, gop.budget, analysed)
    if gop.vmaf is not None:
        return chunk_reaching(model, gop, gop.vmaf, analysed)
    steps = gop.steps()
    return chunk_of(
        model, analysed_gop(model, steps, gop.bit_depth, gop.quality, analysed, gop.weights, gop.settings)
    )


def chunk_within(model: Model, gop: RawGop, budget: GopBudget, analysed: Analysed) -> GopChunk:
    """The GOP coded within its budget, or at quality 1 where that does not fit. `analysed` is told once, of all."""
    made: dict[int, tuple[AnalysedGop, CodedGop]] = {}
    latents = latent_frames(len(gop.pictures))

    def size_of(rung: int) -> int:
        quality = rung_quality(rung, latents)
        steps = gop.steps()
        frames = analysed_gop(model, steps, gop.bit_depth, quality, lambda frames: None, gop.weights, gop.settings)
        planes = code_planes(model, frames.frames, frames.quality)
        made[rung] = frames, planes
        return len(planes.payload)

    rung = search_rung(size_of, budget.bytes, budget.guess)
    analysed(len(gop.pictures))
    return chunk_of(model, *made[rung])
