"""The page: everything a run has to show in one HTML file that asks nothing of any network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from nvcodec.benchmarks.axes import Axis, axis_of, metrics_of
from nvcodec.benchmarks.results import OURS, Clip, Results

from nvcodec.files import atomic_output

from .contents import (
    MEAN,
    Comparison,
    bd_details,
    clips_table,
    commands_table,
    comparisons,
    failures_table,
    full_name,
    origin,
    points_table,
    series_of,
    series_text,
    shown_coders,
    speed_table,
    summary_table,
    versions_table,
)
from .frames import matches
from .plot import Curve, legend_svg, plot_svg
from .table import MINUS, Table, rate_text
from .wipe import FrameBudget, FrameSource, stills_of, wipe_html

__all__ = ["FrameSource", "write_report"]

# The browser itself forbids what the page must not do: any request at all.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

FAMILIES = {"hevc": "HEVC", "vvc": "VVC", "av1": "AV1", "h264": "H.264"}


def write_report(results: Results, frames: FrameSource, path: Path) -> None:
    """Write the page, whole or not at all; a file of that name is replaced. OutputError when it can't be written."""
    page = report_html(results, frames)
    with atomic_output(path, force=True) as file:
        file.write(page.encode())


def report_html(results: Results, frames: FrameSource) -> str:
    """The page as text."""
    compared = comparisons(results)
    metrics, series = metrics_of(results), series_of(results)
    title = _title(results)
    sections = [
        _section("bits", "Bits at the same quality", "".join(_summaries(results, compared, series))),
        _section("curves", "Rate and distortion", "".join(_plots(results, metrics, series)), kind="plots"),
        _section("ranges", "Bjøntegaard deltas", "".join(_details(results, compared, series))),
        _section("frames", "Frames side by side", "".join(_wipes(results, frames))),
        _section("speed", "Speed and memory", _table_html(speed_table(results), titled=False)),
        _section("failed", "What failed", _table_html(failures_table(results), titled=False)),
        _section("how", "How it was measured", "".join(_method(results))),
    ]
    resources = files("nvcodec.benchmarks.report")
    style, script = ((resources / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
        f'<header><p class="eyebrow">nvcodec bench</p><h1>{escape(title)}</h1>'
        f'<p class="origin">{escape(origin(results))}</p></header>'
        f"{_controls(metrics, series)}<main>{''.join(sections)}</main><script>{script}</script></body></html>\n"
    )


def _title(results: Results) -> str:
    families = dict.fromkeys(coder.family for coder in results.coders if coder.family != OURS)
    rivals = [FAMILIES.get(family, family) for family in families]
    clips = f"{len(results.clips)} clip{'s' * (len(results.clips) != 1)}"
    if not rivals:
        return f"nvcodec on {clips}"
    listed = rivals[0] if len(rivals) == 1 else f"{', '.join(rivals[:-1])} and {rivals[-1]}"
    return f"nvcodec against {listed} on {clips}"


def _section(anchor: str, heading: str, body: str, kind: str = "") -> str:
    return f'<section id="{anchor}" class="{kind}"><h2>{escape(heading)}</h2>{body}</section>'


def _controls(metrics: Sequence[str], series: Sequence[str]) -> str:
    """What the reader chooses between; the script hides the rest, and without one all of it is shown."""
    groups = [
        ("metric", "Metric", [(metric, axis_of(metric).label) for metric in metrics]),
        ("series", "Series", [(name, series_text(name)) for name in series]),
    ]
    fields = []
    for key, label, choices in groups:
        options = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in choices)
        fields.append(f'<label><span>{label}</span><select data-choose="{key}">{options}</select></label>')
    return f'<nav aria-label="What is shown">{"".join(fields)}</nav>'


def _of(body: str, metric: str | None = None, series: str | None = None) -> str:
    """Marked as what is shown for a choice."""
    marks = "".join(
        f' data-{key}="{escape(value)}"' for key, value in (("metric", metric), ("series", series)) if value is not None
    )
    return f'<div class="choice"{marks}>{body}</div>'


def _summaries(results: Results, compared: Sequence[Comparison], series: Sequence[str]) -> Iterator[str]:
    for name in series:
        table = summary_table(results, compared, name)
        yield _of(_table_html(table, titled=False) if table.rows else "<p>Nothing to compare with.</p>", series=name)


def _plots(results: Results, metrics: Sequence[str], series: Sequence[str]) -> Iterator[str]:
    for name in series:
        for metric in metrics:
            figures = [_plot(results, clip, axis_of(metric), name) for clip in results.clips]
            yield _of(f'<div class="grid2">{"".join(figures)}</div>', metric, name)


def _plot(results: Results, clip: Clip, axis: Axis, series: str) -> str:
    curves, seen = [], dict[str, int]()
    for coder in shown_coders(results, axis.metric, series):
        files = sorted(
            (m.bits_per_pixel, m.metrics[axis.metric], m.setting)
            for m in results.measurements
            if (m.clip, m.coder) == (clip.name, coder.key) and axis.metric in m.metrics and m.bits_per_pixel > 0
        )
        finite = [file for file in files if abs(file[1]) != float("inf")]
        if finite:
            points, settings = tuple((rate, value) for rate, value, _ in finite), tuple(file[2] for file in finite)
            curves.append(Curve(full_name(coder), coder.family, seen.get(coder.family, 0), points, settings))
            seen[coder.family] = seen.get(coder.family, 0) + 1
    heading = f"{clip.name}, {axis.label}{axis.unit and ', '}{axis.unit}"
    if not curves:
        return f'<figure class="rd"><figcaption>{escape(heading)}</figcaption><p>No file has a value.</p></figure>'
    legend = "".join(f"<li>{legend_svg(curve)}{escape(curve.label)}</li>" for curve in curves)
    rows = tuple(
        (curve.label, f"{setting:g}", rate_text(rate), f"{value:.{axis.digits}f}")
        for curve in curves
        for (rate, value), setting in zip(curve.points, curve.settings, strict=True)
    )
    figures = Table("", ("coder", "setting", "bpp", axis.label), "lrrr", rows)
    better = "" if axis.higher_is_better else " <small>less is better</small>"
    return (
        f'<figure class="rd"><figcaption>{escape(heading)}{better}</figcaption>'
        f"{plot_svg(f'{heading} over bits per pixel; the figures are in the table below', axis, curves)}"
        f'<ul class="legend">{legend}</ul><details><summary>Figures</summary>{_bare_table(figures)}</details></figure>'
    )


def _details(results: Results, compared: Sequence[Comparison], series: Sequence[str]) -> Iterator[str]:
    for name in series:
        for comparison in compared:
            table = bd_details(results, comparison, name)
            if table.rows:
                yield _of(_table_html(table), comparison.metric, name)


def _wipes(results: Results, frames: FrameSource) -> Iterator[str]:
    budget, any_shown = FrameBudget(frames), False
    yield (
        '<p class="note">Of every rival the file whose rate is nearest to that of nvcodec; where it is not near, the '
        "rate says so. Drag across the picture, or move the slider with the arrow keys.</p>"
    )
    yield '<div class="wipes">'
    for match in matches(results):
        stills = stills_of(match, budget)
        if len(stills) > 1:
            any_shown = True
            yield wipe_html(match, stills)
    yield "</div>"
    if budget.refused:
        yield f'<p class="note">{budget.refused} frames were left out to keep the page small.</p>'
    if not any_shown:
        yield "<p>No frames to compare.</p>"


def _method(results: Results) -> Iterator[str]:
    yield _table_html(clips_table(results))
    yield _table_html(versions_table(results))
    yield _table_html(commands_table(results), kind="commands")
    points = "".join(_table_html(points_table(results, clip)) for clip in results.clips)
    yield f"<details><summary>Every coded file</summary>{points}</details>"


def _table_html(table: Table, kind: str = "", *, titled: bool = True) -> str:
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    if not table.rows:
        return note
    title = f"<h3>{escape(table.title)}</h3>" if titled else ""
    return f"{title}{note}{_bare_table(table, kind)}"


def _bare_table(table: Table, kind: str = "") -> str:
    columns = zip(table.columns, table.align, strict=True)
    head = "".join(f'<th scope="col" class="{side}">{escape(column)}</th>' for column, side in columns)
    rows = "".join(
        f'<tr class="{"mean" * any(cell.startswith(MEAN) for cell in row)}">{"".join(_cells(row, table.align))}</tr>'
        for row in table.rows
    )
    label = escape(table.title or "Figures")
    return (
        f'<div class="scroll {kind}" tabindex="0" role="region" aria-label="{label}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(row: Sequence[str], align: str) -> Iterator[str]:
    for number, (cell, side) in enumerate(zip(row, align, strict=True)):
        # the sign is in the text; the colour only helps to find it
        verdict = {"+": " more", MINUS: " fewer"}.get(cell[:1], "") if "%" in cell else ""
        tag = 'th scope="row"' if number == 0 else "td"
        yield f'<{tag} class="{side}{verdict}">{escape(cell)}</{tag[:2]}>'
