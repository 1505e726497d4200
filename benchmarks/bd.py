"""Bjøntegaard deltas: what nvcodec costs, or saves, against every rival, over the range where both were measured.

The integrals are those of the package `bjontegaard` (Akima interpolation, which follows real curves best: Herglotz
et al. 2022, arXiv:2202.12565). What it is given and what is said about the result is decided here: nothing is ever
extrapolated.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from nvcodec.benchmarks.axes import axis_of, coders_for
from nvcodec.benchmarks.results import OURS, Coder, Results

POINTS_MIN = 4  # of a curve; what Bjøntegaard's measure was made for (VCEG-M33)
CLIPS_MIN = 3  # for a confidence interval
CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 20250101

Point = tuple[float, float]  # bits per pixel, metric


@dataclass(frozen=True)
class Interval:
    """From low to high."""

    low: float
    high: float


@dataclass(frozen=True)
class Delta:
    """A mean difference and where it was taken. `share`: of the two curves' common range in all they cover, 0…1."""

    value: float
    overlap: Interval
    share: float


@dataclass(frozen=True)
class BdRow:
    """nvcodec's curve `ours` against a rival's, for one clip, or, with `clip` None, averaged over clips.

    `rate`: percent more bits at the same quality, compared over an interval of the metric; below 0 nvcodec saves.
    `quality`: difference in the metric at the same bits, over an interval of bits per pixel. None where there is no
    number; `remark` then has the reason. A mean's overlap spans those of its clips, of which `clips` have a number
    for the rate, and has confidence intervals where there are CLIPS_MIN or more.
    """

    metric: str
    clip: str | None
    ours: str
    rival: str
    rate: Delta | None
    quality: Delta | None
    remark: str = ""
    clips: int = 1
    rate_confidence: Interval | None = None
    quality_confidence: Interval | None = None


def bd_table(results: Results, metric: str) -> list[BdRow]:
    """A row for every rival, counterpart of ours and clip; with several clips, then one of their mean."""
    rows = []
    for rival in (coder for coder in coders_for(results, metric) if coder.family != OURS):
        for ours in counterparts(results, rival, metric):
            of_clips = [
                _row(metric, clip.name, ours.key, rival.key, *_curves(results, clip.name, metric, ours, rival))
                for clip in results.clips
            ]
            rows += of_clips
            if len(results.clips) > 1:
                rows.append(mean_row(of_clips))
    return rows


def counterparts(results: Results, rival: Coder, metric: str) -> list[Coder]:
    """Our coders that refer in time as the rival does; all of ours if none does."""
    ours = [coder for coder in coders_for(results, metric) if coder.family == OURS]
    return [coder for coder in ours if coder.series == rival.series] or ours


def mean_row(rows: Sequence[BdRow]) -> BdRow:
    """The mean of one pair's rows over clips: arithmetic, as JVET reports BD-rates, so that losses weigh in full."""
    rates = [row.rate for row in rows if row.rate]
    qualities = [row.quality for row in rows if row.quality]
    missing = len(rows) - len(rates)
    if not rates:
        remark = "on no clip do the curves allow a number"
    else:
        remark = f"without {missing} of {len(rows)} clips, which have no number" if missing else ""
    return BdRow(
        metric=rows[0].metric,
        clip=None,
        ours=rows[0].ours,
        rival=rows[0].rival,
        rate=_mean(rates),
        quality=_mean(qualities),
        remark=remark,
        clips=len(rates),
        rate_confidence=confidence([delta.value for delta in rates]),
        quality_confidence=confidence([delta.value for delta in qualities]),
    )


def confidence(values: Sequence[float]) -> Interval | None:
    """Where the mean over clips lies with 95 % confidence: percentile bootstrap, always the same draws.

    None for fewer than CLIPS_MIN values.
    """
    if len(values) < CLIPS_MIN:
        return None
    draws = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    means = np.asarray(values)[draws].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def efficient(curve: Sequence[Point], *, higher_is_better: bool = True) -> list[Point]:
    """The points nobody can better: none costs as little and is as good. Along them rate and quality both rise."""
    sign = 1 if higher_is_better else -1
    kept: list[Point] = []
    for rate, value in sorted(curve, key=lambda point: (point[0], -sign * point[1])):
        if not kept or sign * value > sign * kept[-1][1]:
            kept.append((rate, value))
    return kept


def _curves(results: Results, clip: str, metric: str, *coders: Coder) -> list[list[Point]]:
    return [results.curve(clip, coder.key, metric) for coder in coders]


def _row(metric: str, clip: str, ours: str, rival: str, our_curve: list[Point], their_curve: list[Point]) -> BdRow:
    higher = axis_of(metric).higher_is_better
    finite = [[p for p in curve if p[0] > 0 and math.isfinite(p[1])] for curve in (our_curve, their_curve)]
    test, anchor = (efficient(curve, higher_is_better=higher) for curve in finite)
    remarks = [
        f"{dropped} of {name}'s {len(curve)} points left out: no finite value, or another is as good and costs less"
        for name, curve, kept in (("nvcodec", our_curve, test), ("the rival", their_curve, anchor))
        if (dropped := len(curve) - len(kept))
    ]
    short = [
        f"{len(kept)} usable points of {name}, {POINTS_MIN} are needed"
        for name, kept in (("nvcodec", test), ("the rival", anchor))
        if len(kept) < POINTS_MIN
    ]
    if short:
        return BdRow(metric, clip, ours, rival, None, None, "; ".join([*short, *remarks]), clips=0)
    sign = 1 if higher else -1
    rate, quality = _rate_delta(anchor, test, sign), _quality_delta(anchor, test, sign)
    if rate is None:
        better = "above" if sign * test[0][1] > sign * anchor[-1][1] else "below"
        remarks.insert(0, f"no overlap in quality: nvcodec lies wholly {better} the rival")
    if quality is None:
        remarks.insert(0, f"no overlap in rate: nvcodec lies wholly {_side(test, anchor)} the rival")
    return BdRow(metric, clip, ours, rival, rate, quality, "; ".join(remarks), clips=int(rate is not None))


def _side(test: list[Point], anchor: list[Point]) -> str:
    return "above" if test[0][0] >= anchor[-1][0] else "below"


def _rate_delta(anchor: list[Point], test: list[Point], sign: int) -> Delta | None:
    """Percent of rate, integrated over quality. `sign` −1 where less is better."""
    found = _overlap([sign * v for _, v in anchor], [sign * v for _, v in test])
    if found is None:
        return None
    interval, share = found
    value = _package("bd_rate", anchor, test, sign)
    low, high = sorted((sign * interval.low, sign * interval.high))
    return Delta(value, Interval(low, high), share)


def _quality_delta(anchor: list[Point], test: list[Point], sign: int) -> Delta | None:
    """In the metric's own unit and direction, integrated over the logarithm of the rate."""
    found = _overlap([math.log10(r) for r, _ in anchor], [math.log10(r) for r, _ in test])
    if found is None:
        return None
    interval, share = found
    return Delta(sign * _package("bd_psnr", anchor, test, sign), Interval(10**interval.low, 10**interval.high), share)


def _overlap(one: Sequence[float], two: Sequence[float]) -> tuple[Interval, float] | None:
    """What two rising sequences have in common, and its share of what they cover together; None for nothing."""
    low, high = max(one[0], two[0]), min(one[-1], two[-1])
    if low >= high:
        return None
    return Interval(low, high), (high - low) / (max(one[-1], two[-1]) - min(one[0], two[0]))


def _package(name: str, anchor: list[Point], test: list[Point], sign: int) -> float:
    import bjontegaard

    rates = [[rate for rate, _ in curve] for curve in (anchor, test)]
    levels = [[sign * value for _, value in curve] for curve in (anchor, test)]
    with warnings.catch_warnings():
        # of little overlap, which the rows state in numbers
        warnings.filterwarnings("ignore", message="Insufficient curve overlap")
        delta = getattr(bjontegaard, name)(
            rates[0], levels[0], rates[1], levels[1], method="akima", require_matching_points=False
        )
    return float(delta)


def _mean(deltas: Sequence[Delta]) -> Delta | None:
    if not deltas:
        return None
    spans = [delta.overlap for delta in deltas]
    return Delta(
        float(np.mean([delta.value for delta in deltas])),
        Interval(min(span.low for span in spans), max(span.high for span in spans)),
        float(np.mean([delta.share for delta in deltas])),
    )
