from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from nvcodec.benchmarks.bd import BdRow, Interval, bd_table, confidence, efficient
from nvcodec.benchmarks.results import Measurement, Results

from .samples import OURS_LONG, OURS_RANDOM, coder, log_quality, pair, points, results

EXACT = 1e-9

# x265 at two presets as published with the package (its example): bits, PSNR.
PUBLISHED_ANCHOR = [(1358.24, 34.851), (2486.44, 36.845), (4593.60, 38.615), (9487.76, 40.037)]
PUBLISHED_TEST = [(1356.24, 34.987), (2451.52, 36.970), (4469.00, 38.651), (9787.80, 40.121)]


def only(table: list[BdRow]) -> BdRow:
    (row,) = table
    return row


def measured(key: str, curve: list[tuple[float, float]], metric: str = "psnr_y") -> list[Measurement]:
    values = dict(curve)
    return points("clip", key, values.__getitem__, list(values), metric)


def akima_mean(x: list[float], y: list[float], low: float, high: float) -> float:
    """The mean over low…high of Akima's curve (J. ACM 17, 1970), summed numerically."""
    steps = np.diff(y) / np.diff(x)
    before = [3 * steps[0] - 2 * steps[1], 2 * steps[0] - steps[1]]
    after = [2 * steps[-1] - steps[-2], 3 * steps[-1] - 2 * steps[-2]]
    m = np.array([*before, *steps, *after])
    left, right = np.abs(m[3:] - m[2:-1]), np.abs(m[1:-2] - m[:-3])  # weights of the slopes before and after
    slopes = (left * m[1:-2] + right * m[2:-1]) / (left + right)
    at = np.linspace(low, high, 200_001)
    piece = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    h, t = np.diff(x)[piece], at - np.array(x)[piece]
    d0, d1, m0 = slopes[piece], slopes[piece + 1], steps[piece]
    curve = np.array(y)[piece] + t * (d0 + t * ((3 * m0 - 2 * d0 - d1) / h + t * (d0 + d1 - 2 * m0) / h**2))
    return float(((curve[1:] + curve[:-1]) / 2).mean())


def test_the_same_curve_costs_nothing() -> None:
    curve = log_quality(40)
    row = only(bd_table(pair(points("clip", "ours-long", curve), points("clip", "rival", curve)), "psnr_y"))
    assert row.rate is not None and row.quality is not None
    assert row.rate.value == pytest.approx(0, abs=EXACT) and row.quality.value == pytest.approx(0, abs=EXACT)
    assert row.rate.share == row.quality.share == 1
    assert row.remark == ""


def test_half_the_bits_everywhere_are_minus_fifty_percent() -> None:
    theirs = points("clip", "rival", log_quality(40))
    ours = [replace(m, coder="ours-long", bits_per_pixel=m.bits_per_pixel / 2) for m in theirs]
    row = only(bd_table(pair(ours, theirs), "psnr_y"))
    assert row.rate is not None and row.quality is not None
    assert row.rate.value == pytest.approx(-50, abs=EXACT)
    assert row.quality.value == pytest.approx(2, abs=EXACT)  # dB: what a doubling of the rate is worth here
    assert (row.quality.overlap.low, row.quality.overlap.high) == pytest.approx((0.005, 0.04))
    assert row.rate.share == 1 and 0 < row.quality.share < 1


def test_the_published_example_has_the_value_of_akimas_formula() -> None:
    table = bd_table(pair(measured("ours-long", PUBLISHED_TEST), measured("rival", PUBLISHED_ANCHOR)), "psnr_y")
    row = only(table)
    assert row.rate is not None and row.quality is not None
    logs = [[math.log10(rate) for rate, _ in curve] for curve in (PUBLISHED_TEST, PUBLISHED_ANCHOR)]
    dbs = [[db for _, db in curve] for curve in (PUBLISHED_TEST, PUBLISHED_ANCHOR)]
    ours, theirs = (akima_mean(db, log, 34.987, 40.037) for db, log in zip(dbs, logs, strict=True))
    assert row.rate.value == pytest.approx(100 * (10 ** (ours - theirs) - 1), abs=1e-6)
    assert row.rate.overlap == Interval(34.987, 40.037)
    span = (math.log10(1358.24), math.log10(9487.76))
    ours, theirs = (akima_mean(log, db, *span) for db, log in zip(dbs, logs, strict=True))
    assert row.quality.value == pytest.approx(ours - theirs, abs=1e-6)


def test_only_the_common_range_counts() -> None:
    """Outside of it the curves could be anything: a steep tail that only the rival has changes nothing."""
    ours = points("clip", "ours-long", log_quality(40))
    theirs = measured("rival", [(rate, 40 + 2 * math.log2(rate)) for rate in (0.01, 0.02, 0.04, 0.08)])
    longer = [*theirs, *measured("rival", [(0.9, 60.0), (1.9, 61.0)])]
    short, long = (only(bd_table(pair(ours, rival), "psnr_y")) for rival in (theirs, longer))
    assert short.rate is not None and long.rate is not None
    assert long.rate.overlap == short.rate.overlap and long.rate.share < short.rate.share


def test_curves_without_overlap_give_words_and_no_number() -> None:
    ours, theirs = points("clip", "ours-long", log_quality(20)), points("clip", "rival", log_quality(60))
    row = only(bd_table(pair(ours, theirs), "psnr_y"))
    assert row.rate is None and row.quality is not None
    assert row.remark == "no overlap in quality: nvcodec lies wholly below the rival"
    far = points("clip", "rival", log_quality(40), rates=(1.0, 2.0, 3.0, 4.0))
    row = only(bd_table(pair(ours, far), "psnr_y"))
    assert row.rate is None and row.quality is None
    assert "no overlap in rate" in row.remark and "no overlap in quality" in row.remark


def test_curves_that_only_touch_do_not_overlap() -> None:
    ours = points("clip", "ours-long", log_quality(40), rates=(0.01, 0.02, 0.04, 0.08))
    theirs = points("clip", "rival", log_quality(40), rates=(0.08, 0.16, 0.32, 0.64))
    row = only(bd_table(pair(ours, theirs), "psnr_y"))
    assert row.rate is None and row.quality is None


def test_three_points_are_no_curve() -> None:
    ours = points("clip", "ours-long", log_quality(40))
    theirs = points("clip", "rival", log_quality(40), rates=(0.01, 0.02, 0.04))
    row = only(bd_table(pair(ours, theirs), "psnr_y"))
    assert row.rate is None and row.quality is None
    assert row.remark == "3 usable points of the rival, 4 are needed"


def test_a_file_that_costs_more_and_shows_less_is_left_out_and_the_row_says_so() -> None:
    curve = log_quality(40)
    ours, theirs = points("clip", "ours-long", curve), points("clip", "rival", curve)
    worse = measured("rival", [(0.03, curve(0.015))])
    row = only(bd_table(pair(ours, [*theirs, *worse]), "psnr_y"))
    assert row.rate is not None and row.rate.value == pytest.approx(0, abs=EXACT)
    assert row.remark.startswith("1 of the rival's 6 points left out")


def test_an_infinite_value_is_no_point() -> None:
    ours, theirs = points("clip", "ours-long", log_quality(40)), points("clip", "rival", log_quality(40))
    row = only(bd_table(pair(ours, [*theirs, *measured("rival", [(2.0, math.inf)])]), "psnr_y"))
    assert row.rate is not None and row.rate.value == pytest.approx(0, abs=EXACT)
    assert row.remark.startswith("1 of the rival's 6 points left out")


def test_where_less_is_better_half_the_bits_are_minus_fifty_percent_too() -> None:
    theirs = points("clip", "rival", lambda rate: 0.1 / rate**0.5, metric="lpips")
    ours = [replace(m, coder="ours-long", bits_per_pixel=m.bits_per_pixel / 2) for m in theirs]
    row = only(bd_table(pair(ours, theirs), "lpips"))
    assert row.rate is not None and row.quality is not None
    assert row.rate.value == pytest.approx(-50, abs=EXACT)
    assert row.quality.value < 0  # less LPIPS at the same bits
    assert row.rate.overlap.low < row.rate.overlap.high


def test_efficient_points_rise_in_rate_and_quality() -> None:
    curve = [(3.0, 30.0), (1.0, 10.0), (2.0, 9.0), (2.0, 20.0), (4.0, 30.0)]
    assert efficient(curve) == [(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)]
    assert efficient([(1.0, 0.5), (2.0, 0.6), (3.0, 0.2)], higher_is_better=False) == [(1.0, 0.5), (3.0, 0.2)]


def several(factors: dict[str, float]) -> Results:
    """A clip for each name, on which nvcodec takes `factor` times the rival's bits."""
    theirs = [m for clip in factors for m in points(clip, "rival", log_quality(40))]
    ours = [replace(m, coder="ours-long", bits_per_pixel=m.bits_per_pixel * factors[m.clip]) for m in theirs]
    return pair(ours, theirs, clips=tuple(factors))


def test_the_last_row_is_the_mean_over_clips() -> None:
    *clips, mean = bd_table(several({"a": 0.5, "b": 2.0}), "psnr_y")
    assert [row.clip for row in clips] == ["a", "b"]
    assert mean.clip is None and mean.clips == 2
    assert mean.rate is not None and mean.rate.value == pytest.approx((-50 + 100) / 2)
    assert mean.rate_confidence is None, "two clips say nothing of clips in general"


def test_clips_without_a_number_are_counted_in_the_mean_and_not_hidden() -> None:
    table = bd_table(several({"a": 0.5, "b": 2.0, "c": 0.5, "d": 1e4}), "psnr_y")
    assert table[3].quality is None and table[3].rate is not None  # far off in rate, the same in quality
    gone = several({"a": 0.5, "b": 2.0})
    gone = replace(gone, measurements=tuple(m for m in gone.measurements if (m.clip, m.coder) != ("b", "rival")))
    *_, missing, mean = bd_table(gone, "psnr_y")
    assert missing.clip == "b" and missing.remark == "0 usable points of the rival, 4 are needed"
    assert mean.rate is not None and mean.rate.value == pytest.approx(-50)
    assert mean.remark == "without 1 of 2 clips, which have no number"


def test_the_confidence_interval_is_that_of_every_possible_draw() -> None:
    """With three values every one of the 27 draws is as likely; 2.5 % lie below the second smallest mean."""
    values = [10.0, 20.0, 60.0]
    interval = confidence(values)
    means = np.sort([np.mean([a, b, c]) for a in values for b in values for c in values])
    assert interval is not None
    assert interval.low == means[0] == 10 and interval.high == means[-1] == 60  # 1 in 27 is more than 2.5 %
    many = confidence([float(v) for v in range(100)])
    assert many is not None
    error = np.std(range(100)) / 10
    assert many.low == pytest.approx(49.5 - 1.96 * error, abs=0.2) and many.high == pytest.approx(
        49.5 + 1.96 * error, abs=0.2
    )


def test_the_confidence_interval_is_the_same_every_time() -> None:
    table = bd_table(several({"a": 0.5, "b": 0.7, "c": 0.9, "d": 0.6}), "psnr_y")
    assert table[-1].rate_confidence is not None
    assert table == bd_table(several({"a": 0.5, "b": 0.7, "c": 0.9, "d": 0.6}), "psnr_y")
    low, high = table[-1].rate_confidence.low, table[-1].rate_confidence.high
    assert -50 < low < -32.5 < high < -10


def test_each_series_meets_its_own_counterpart() -> None:
    rivals = [coder(f"rival-{series}", "hevc", series=series) for series in ("long", "random-access", "low-delay")]
    curve = log_quality(40)
    coders = [OURS_LONG, OURS_RANDOM, *rivals]
    table = bd_table(results(["clip"], coders, [m for c in coders for m in points("clip", c.key, curve)]), "psnr_y")
    assert [(row.ours, row.rival) for row in table] == [
        ("ours-long", "rival-long"),
        ("ours-random", "rival-random-access"),
        ("ours-long", "rival-low-delay"),  # we have none of that kind: all of ours
        ("ours-random", "rival-low-delay"),
    ]


def test_a_rival_is_judged_as_tuned_for_psnr_and_for_the_eye_as_tuned_for_either() -> None:
    tuned = [coder(f"rival-{goal}", "hevc", label="rival", tuned=goal) for goal in ("psnr", "eyes")]
    coders = [OURS_LONG, *tuned]
    files = [
        replace(m, metrics={"psnr_y": m.metrics["psnr_y"], "vmaf": m.metrics["psnr_y"]})
        for c in coders
        for m in points("clip", c.key, log_quality(40))
    ]
    measured_both = results(["clip"], coders, files)
    assert [row.rival for row in bd_table(measured_both, "psnr_y")] == ["rival-psnr"]
    assert [row.rival for row in bd_table(measured_both, "vmaf")] == ["rival-psnr", "rival-eyes"], "either may be best"
    only_psnr = results(["clip"], coders[:2], [m for m in files if m.coder != "rival-eyes"])
    assert [row.rival for row in bd_table(only_psnr, "vmaf")] == ["rival-psnr"], "better than no rival"
