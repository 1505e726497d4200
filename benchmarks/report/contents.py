"""From results to tables: who needs how many bits, how fast, with how much memory; what failed; how it was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nvcodec.benchmarks.axes import axis_of, coders_for, metrics_of
from nvcodec.benchmarks.bd import CLIPS_MIN, CONFIDENCE, BdRow, Interval, bd_table
from nvcodec.benchmarks.results import OURS, Clip, Coder, Cost, Measurement, Results

from .table import LEFT, MINUS, RIGHT, TIMES, Table, markdown, rate_text, share_text, signed, span

SERIES = {"long": "one I-frame", "random-access": "random access", "low-delay": "low delay"}
GOALS = {"psnr": "PSNR", "eyes": "the eye"}
NO_NUMBER = "no number"
MEAN = "mean of "  # so many clips
SUMMARY_NOTE = (
    f"BD-rate: percent of bits that nvcodec needs more (+) or less ({MINUS}) than the rival at the same value of the "
    "metric, over the range that both reach; mean over clips. Rivals as tuned for the metric; where eyes judge, in "
    "both tunings."
)
BD_NOTE = (
    f"Bits at the same quality: + means that nvcodec needs more, {MINUS} fewer. The ranges are those both curves "
    "reach, with their share of all that the two cover; nothing is extrapolated. Bjøntegaard deltas by Akima "
    f"interpolation; a mean of {CLIPS_MIN} clips or more has its {100 * CONFIDENCE:.0f} % bootstrap interval."
)


def series_of(results: Results) -> tuple[str, ...]:
    """The series of the rivals, in the order of the results; of ours where there is no rival."""
    rivals = [coder.series for coder in results.coders if coder.family != OURS]
    return tuple(dict.fromkeys(rivals or [coder.series for coder in results.coders]))


def in_series(coder: Coder, series: str, results: Results) -> bool:
    """Whether a coder is shown with a series: all of ours are where none of ours is of it."""
    ours = {c.series for c in results.coders if c.family == OURS}
    return coder.series == series or (coder.family == OURS and series not in ours)


def name_of(coder: Coder) -> str:
    """A coder's label, with the scale it codes at."""
    return coder.label if coder.scale == 1 else f"{coder.label} at {coder.scale:g} {TIMES} size"


def full_name(coder: Coder) -> str:
    """A coder's name with what it was tuned for; ours has one tuning."""
    return name_of(coder) if coder.family == OURS else f"{name_of(coder)}, for {GOALS.get(coder.tuned, coder.tuned)}"


def series_text(series: str) -> str:
    """A series in words."""
    return SERIES.get(series, series)


@dataclass(frozen=True)
class Comparison:
    """All Bjøntegaard rows of a metric, computed once."""

    metric: str
    rows: tuple[BdRow, ...]


def comparisons(results: Results) -> tuple[Comparison, ...]:
    """For every metric that was measured."""
    return tuple(Comparison(metric, tuple(bd_table(results, metric))) for metric in metrics_of(results))


def summary_table(results: Results, compared: Sequence[Comparison], series: str, files: str = "") -> Table:
    """A row for every rival of a series, a column for every metric, BD-rates in the cells; `files` says of which."""
    coders = {coder.key: coder for coder in results.coders}
    alone = len(results.clips) == 1
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for comparison in compared:
        for row in comparison.rows:
            if coders[row.rival].series == series and (alone or row.clip is None):
                pair = (name_of(coders[row.ours]), full_name(coders[row.rival]))
                cells.setdefault(pair, {})[comparison.metric] = _rate_cell(row)
    several = len({ours for ours, _ in cells}) > 1
    rows = tuple(
        (f"{rival} (nvcodec: {ours})" if several else rival, *(found.get(c.metric, "") for c in compared))
        for (ours, rival), found in cells.items()
    )
    columns = ("at the same", *(axis_of(c.metric).label for c in compared))
    title = f"Bits against every rival, {series_text(series)}{files and ', '}{files}"
    return Table(title, columns, LEFT + RIGHT * len(compared), rows, SUMMARY_NOTE)


def bd_details(results: Results, comparison: Comparison, series: str) -> Table:
    """Every row of a metric and a series: rate and quality, their ranges, remarks."""
    axis = axis_of(comparison.metric)
    coders = {coder.key: coder for coder in results.coders}
    rows = [row for row in comparison.rows if coders[row.rival].series == series]
    several = len({row.ours for row in rows}) > 1

    def cells(row: BdRow) -> tuple[str, ...]:
        ours = (name_of(coders[row.ours]) + f", {series_text(coders[row.ours].series)}",) if several else ()
        clip = row.clip or f"{MEAN}{row.clips} clip{'s' * (row.clips != 1)}"
        rate_range = quality_range = ""
        if row.rate:
            low, high = (f"{value:.{axis.digits}f}" for value in (row.rate.overlap.low, row.rate.overlap.high))
            rate_range = f"{span(low, high)}{axis.unit and ' '}{axis.unit} ({share_text(row.rate.share)})"
        if row.quality:
            low, high = (rate_text(value) for value in (row.quality.overlap.low, row.quality.overlap.high))
            quality_range = f"{span(low, high)} bpp ({share_text(row.quality.share)})"
        quality = NO_NUMBER
        if row.quality:
            quality = f"{signed(row.quality.value, axis.digits)}{axis.unit and ' '}{axis.unit}"
            quality += _interval(row.quality_confidence, axis.digits)
        rival = full_name(coders[row.rival])
        return (rival, *ours, clip, _rate_cell(row), rate_range, quality, quality_range, row.remark)

    columns = ("rival", *(["nvcodec"] if several else []), "clip", "bits", "over", axis.label, "over", "remark")
    align = LEFT * (2 + several) + RIGHT * 4 + LEFT
    title = f"{axis.label}, {series_text(series)}"
    if not any(row.remark for row in rows):
        columns, align = columns[:-1], align[:-1]
    better = "" if axis.higher_is_better else f" Of {axis.label} less is better."
    return Table(title, columns, align, tuple(cells(row)[: len(columns)] for row in rows), BD_NOTE + better)


def _rate_cell(row: BdRow) -> str:
    if row.rate is None:
        return "no overlap" if "no overlap in quality" in row.remark else NO_NUMBER
    return f"{signed(row.rate.value)} %{_interval(row.rate_confidence, 1)}"


def _interval(interval: Interval | None, digits: int) -> str:
    return "" if interval is None else f" [{signed(interval.low, digits)}, {signed(interval.high, digits)}]"


def points_table(results: Results, clip: Clip) -> Table:
    """Every coded file of a clip with all its metrics."""
    metrics = metrics_of(results)
    coders = {coder.key: coder for coder in results.coders}

    def cells(m: Measurement) -> tuple[str, ...]:
        coder = coders[m.coder]
        values = [f"{m.metrics[k]:.{axis_of(k).digits}f}" if k in m.metrics else "" for k in metrics]
        name = (name_of(coder), series_text(coder.series), GOALS.get(coder.tuned, coder.tuned))
        return (*name, f"{m.setting:g}", f"{m.bytes:,}", rate_text(m.bits_per_pixel), *values)

    order = {coder.key: number for number, coder in enumerate(results.coders)}
    files = sorted(
        (m for m in results.measurements if m.clip == clip.name and m.error is None),
        key=lambda m: (order[m.coder], m.bits_per_pixel),
    )
    columns = ("coder", "series", "tuned for", "setting", "bytes", "bpp", *(axis_of(k).label for k in metrics))
    title = f"{clip.name}, {clip.width}{TIMES}{clip.height}, {clip.frames} frames"
    return Table(title, columns, LEFT * 3 + RIGHT * (3 + len(metrics)), tuple(map(cells, files)))


def speed_table(results: Results) -> Table:
    """Frames a second over all of a coder's files, and the most memory any of them took."""
    frames = {clip.name: clip.frames for clip in results.clips}

    def side(files: Sequence[Measurement], cost: Callable[[Measurement], Cost | None]) -> tuple[str, str]:
        pairs = [(frames[m.clip], spent) for m in files if (spent := cost(m)) is not None]
        seconds = sum(spent.seconds for _, spent in pairs)
        if not seconds:
            return "", ""
        peak = max(spent.peak_bytes for _, spent in pairs)
        return f"{sum(count for count, _ in pairs) / seconds:.1f}", f"{peak / 1e6:,.0f}"

    rows = []
    for coder in results.coders:
        files = [m for m in results.measurements if m.coder == coder.key and m.error is None]
        threads = {cost.threads for m in files for cost in (m.encode, m.decode) if cost is not None}
        encode, decode = side(files, lambda m: m.encode), side(files, lambda m: m.decode)
        name = (name_of(coder), series_text(coder.series), GOALS.get(coder.tuned, coder.tuned))
        if threads:
            rows.append((*name, *encode, *decode, ", ".join(map(str, sorted(threads)))))
    columns = ("coder", "series", "tuned for", "encode, fps", "encode, MB", "decode, fps", "decode, MB", "threads")
    note = "Frames a second over all clips and settings together; MB: the most that any run took."
    return Table("Speed and memory", columns, LEFT * 3 + RIGHT * 5, tuple(rows), note)


def failures_table(results: Results) -> Table:
    """What could not be coded, and why."""
    coders = {coder.key: coder for coder in results.coders}
    rows = tuple(
        (m.clip, name_of(coders[m.coder]), series_text(coders[m.coder].series), f"{m.setting:g}", m.error)
        for m in results.measurements
        if m.error is not None
    )
    note = "" if rows else "Every file was coded and decoded."
    return Table("What failed", ("clip", "coder", "series", "setting", "reason"), "lllrl", rows, note)


def commands_table(results: Results) -> Table:
    """Every coder with its version and arguments."""
    rows = tuple(
        (
            name_of(coder),
            series_text(coder.series),
            GOALS.get(coder.tuned, coder.tuned),
            coder.version,
            " ".join(coder.arguments),
        )
        for coder in results.coders
    )
    return Table("Settings", ("coder", "series", "tuned for", "version", "arguments"), LEFT * 5, rows)


def clips_table(results: Results) -> Table:
    """The clips, as every coder got them."""
    rows = tuple(
        (c.name, f"{c.width}{TIMES}{c.height}", str(c.frames), f"{c.frame_rate:g}", c.sha256[:12])
        for c in results.clips
    )
    return Table("Clips", ("clip", "size", "frames", "a second", "SHA-256 of the samples"), "lrrrl", rows)


def origin(results: Results) -> str:
    """When and where, in one line."""
    return f"Measured {_date_text(results.date)} on {results.machine}."


def versions_table(results: Results) -> Table:
    """With what."""
    return Table("Versions", ("what", "version"), LEFT * 2, tuple(results.versions.items()))


def _date_text(date: str) -> str:
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return date
    zone = f" {moment.tzname()}" if moment.tzinfo else ""
    return f"on {moment.day} {moment:%B %Y}, {moment:%H:%M}{zone},"


def terminal_tables(results: Results) -> list[Table]:
    """What somebody wants to see at the end of a run."""
    compared = comparisons(results)
    tables = [summary_table(results, compared, series) for series in series_of(results)]
    tables = [*(table for table in tables if table.rows), speed_table(results)]
    failures = failures_table(results)
    return [*tables, failures] if failures.rows else tables


def markdown_report(
    results: Results, detailed: Sequence[str] | None = None, *, points: bool = False, up_to: float | None = None
) -> str:
    """The tables for a README, each note once.

    `detailed`: metrics whose Bjøntegaard deltas are told clip by clip; None for the first metric there is. With
    `points` every coded file too; with `up_to` the deltas once more for the files of at most so many bits per pixel.
    ValueError for a metric that was not measured.
    """
    compared = comparisons(results)
    measured = [comparison.metric for comparison in compared]
    detailed = measured[:1] if detailed is None else detailed
    if strange := [metric for metric in detailed if metric not in measured]:
        raise ValueError(f"no file has {', '.join(strange)}; measured were {', '.join(measured) or 'no metrics'}")
    tables = [clips_table(results)]
    tables += [summary_table(results, compared, series) for series in series_of(results)]
    if up_to is not None:
        cheap, files = comparisons(results.up_to(up_to)), f"files of up to {up_to:g} bits per pixel"
        tables += [summary_table(results, cheap, series, files) for series in series_of(results)]
    for comparison in compared:
        if comparison.metric in detailed:
            tables += [bd_details(results, comparison, series) for series in series_of(results)]
    if points:
        tables += [points_table(results, clip) for clip in results.clips]
    tables += [speed_table(results), failures_table(results), commands_table(results), versions_table(results)]
    parts, said = [origin(results) + "\n"], set[str]()
    for table in tables:
        if table.rows:
            parts.append(markdown(replace(table, note="") if table.note in said else table))
            said.add(table.note)
    return "\n".join(parts)


def shown_coders(results: Results, metric: str, series: str) -> tuple[Coder, ...]:
    """The curves of one plot."""
    return tuple(coder for coder in coders_for(results, metric) if in_series(coder, series, results))
