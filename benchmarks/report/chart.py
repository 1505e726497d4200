"""A line chart as an SVG picture that stands by itself, for pages that no style sheet reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .scale import Scale, value_ticks

WIDTH, HEIGHT = 480, 320
LEFT_EDGE, RIGHT_EDGE, TOP_EDGE, BOTTOM_EDGE = 56, 14, 34, 44
LEGEND_LINE = 15
MARGIN = 0.05  # of an axis, kept free at either end
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a", "#bf3989", "#1b7c83")
MARKED_MOST = 30  # points of a line that are drawn as dots
STYLE = (
    "text{font:12px sans-serif;fill:#57606a}.name{fill:#24292f}"
    ".grid{stroke:#d0d7de}.line{fill:none;stroke-width:1.8}"
)


@dataclass(frozen=True)
class Line:
    """A line through `points` (x, y), in the order given. Those of one `colour` belong together; `dashed` apart."""

    label: str
    points: tuple[tuple[float, float], ...]
    colour: int = 0
    dashed: bool = False


def chart_svg(title: str, x_name: str, y_name: str, lines: Sequence[Line]) -> str:
    """The chart. Both axes are linear. ValueError without a point."""
    points = [point for line in lines for point in line.points]
    if not points:
        raise ValueError(f"there is nothing to draw for {title!r}")
    legend = len(lines) * LEGEND_LINE if len(lines) > 1 else 0
    bottom = HEIGHT - BOTTOM_EDGE
    x = Scale.over([px for px, _ in points], LEFT_EDGE, WIDTH - RIGHT_EDGE, MARGIN)
    y = Scale.over([py for _, py in points], bottom, TOP_EDGE, MARGIN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + legend}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT + legend}" fill="#ffffff"/>',
        f'<text class="name" x="{LEFT_EDGE}" y="18">{escape(y_name)}</text>',
        f'<text class="name" x="{WIDTH - RIGHT_EDGE}" y="{HEIGHT - 8}" text-anchor="end">{escape(x_name)}</text>',
    ]
    for tick in value_ticks(y.low, y.high):
        at = f"{y.at(tick):.1f}"
        parts.append(f'<path class="grid" d="M{LEFT_EDGE} {at}H{WIDTH - RIGHT_EDGE}"/>')
        parts.append(f'<text x="{LEFT_EDGE - 6}" y="{y.at(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in value_ticks(x.low, x.high):
        parts.append(f'<path class="grid" d="M{x.at(tick):.1f} {bottom}v4"/>')
        parts.append(f'<text x="{x.at(tick):.1f}" y="{bottom + 17}" text-anchor="middle">{tick:g}</text>')
    for number, line in enumerate(lines):
        parts.append(_drawn(line, x, y))
        if legend:
            parts.append(_key(line, HEIGHT + number * LEGEND_LINE))
    return "".join(parts) + "</svg>\n"


def _stroke(line: Line) -> str:
    dashes = ' stroke-dasharray="6 4"' if line.dashed else ""
    return f'class="line" stroke="{COLOURS[line.colour % len(COLOURS)]}"{dashes}'


def _drawn(line: Line, x: Scale, y: Scale) -> str:
    places = [(x.at(px), y.at(py)) for px, py in line.points]
    path = f'<path {_stroke(line)} d="M{"L".join(f"{px:.1f} {py:.1f}" for px, py in places)}"/>'
    if len(places) > MARKED_MOST:
        return path
    fill = COLOURS[line.colour % len(COLOURS)]
    return path + "".join(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.2" fill="{fill}"/>' for px, py in places)


def _key(line: Line, top: float) -> str:
    return (
        f'<path {_stroke(line)} d="M{LEFT_EDGE} {top + 4}h28"/>'
        f'<text class="name" x="{LEFT_EDGE + 36}" y="{top + 8}">{escape(line.label)}</text>'
    )
