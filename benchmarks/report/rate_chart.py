"""Rate-distortion curves as a chart that stands by itself, for a README; the page has its own plots."""

from __future__ import annotations

from nvcodec.benchmarks.axes import axis_of
from nvcodec.benchmarks.results import Results

from .chart import Line, chart_svg
from .contents import name_of, series_of, series_text, shown_coders


def rate_chart(results: Results, metric: str) -> str:
    """SVG of a metric over bits per pixel: every coder of the first series, clip by clip. ValueError without a file."""
    series = series_of(results)[0]
    alone = len(results.clips) == 1
    lines = [
        Line(name_of(coder) if alone else f"{clip.name}: {name_of(coder)}", tuple(curve), number)
        for clip in results.clips
        for number, coder in enumerate(shown_coders(results, metric, series))
        if (curve := results.curve(clip.name, coder.key, metric))
    ]
    axis = axis_of(metric)
    title = f"{', '.join(clip.name for clip in results.clips)}, {series_text(series)}"
    return chart_svg(title, "bits per pixel", f"{axis.label}{axis.unit and ', '}{axis.unit}", lines)
