"""A rate-distortion plot as SVG. Its colours are the page's style sheet's; shapes tell the curves apart, too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from nvcodec.benchmarks.axes import Axis

from .scale import Scale, value_ticks
from .table import rate_text

WIDTH, HEIGHT = 420, 300
LEFT_EDGE, RIGHT_EDGE, TOP_EDGE, BOTTOM_EDGE = 50, 12, 14, 40
MARKER = 4.0  # half a marker's width
MARGIN = 0.04  # of an axis, kept free at either end
VARIANTS = 4  # of a family, that the style sheet tells apart by their dashes
SHAPES = {"nvcodec": "circle", "hevc": "square", "vvc": "up", "av1": "diamond", "h264": "down"}


@dataclass(frozen=True)
class Curve:
    """A coder's points (bits per pixel, metric), by rate. `variant` counts the curves of a family from 0."""

    label: str
    family: str
    variant: int
    points: tuple[tuple[float, float], ...]
    settings: tuple[float, ...]

    @property
    def style(self) -> str:
        """Its classes in the style sheet."""
        family = self.family if self.family in SHAPES else "other"
        return f"curve {family} variant{min(self.variant, VARIANTS - 1)}"


def plot_svg(title: str, axis: Axis, curves: Sequence[Curve]) -> str:
    """The plot; `curves` must have a point. The rate's axis is logarithmic."""
    rates = [math.log10(rate) for curve in curves for rate, _ in curve.points]
    values = [value for curve in curves for _, value in curve.points]
    x = Scale.over(rates, LEFT_EDGE, WIDTH - RIGHT_EDGE, MARGIN)
    y = Scale.over(values, HEIGHT - BOTTOM_EDGE, TOP_EDGE, MARGIN)
    bottom, right = HEIGHT - BOTTOM_EDGE, WIDTH - RIGHT_EDGE
    grid = [
        *(_tick(x.at(math.log10(rate)), f"{rate:g}") for rate in rate_ticks(10**x.low, 10**x.high)),
        *(
            f'<path class="grid" d="M{LEFT_EDGE} {y.at(v):.1f}H{right}"/>'
            f'<text class="tick" x="{LEFT_EDGE - 7}" y="{y.at(v) + 3.5:.1f}" text-anchor="end">{_plain(v)}</text>'
            for v in value_ticks(y.low, y.high)
        ),
        f'<path class="edge" d="M{LEFT_EDGE} {bottom}H{right}"/>',
        f'<text class="name" x="{right}" y="{HEIGHT - 6}" text-anchor="end">bits per pixel</text>',
    ]
    # ours last, so that it lies on top
    ordered = sorted(curves, key=lambda curve: curve.family == "nvcodec")
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(grid)}{''.join(_drawn(curve, x, y, axis) for curve in ordered)}</svg>"
    )


def legend_svg(curve: Curve) -> str:
    """A curve's line and marker, for a legend."""
    return (
        f'<svg class="key" viewBox="0 0 28 12" aria-hidden="true"><g class="{curve.style}">'
        f'<path class="line" d="M1 6H27"/>{_marker(curve.family, 14, 6)}</g></svg>'
    )


def rate_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from low to high; of these the powers alone where that is enough."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [round(digit * 10.0**power, 12) for power in powers for digit in (1, 2, 5)]
    inside = [tick for tick in ticks if low <= tick <= high]
    decades = [tick for tick in inside if math.log10(tick).is_integer()]
    return decades if len(inside) > 8 and len(decades) > 2 else inside


def _tick(x: float, text: str) -> str:
    bottom = HEIGHT - BOTTOM_EDGE
    return (
        f'<path class="grid" d="M{x:.1f} {TOP_EDGE}V{bottom}"/>'
        f'<text class="tick" x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{text}</text>'
    )


def _plain(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _drawn(curve: Curve, x: Scale, y: Scale, axis: Axis) -> str:
    places = [(x.at(math.log10(rate)), y.at(value)) for rate, value in curve.points]
    line = "L".join(f"{px:.1f} {py:.1f}" for px, py in places)
    markers = [
        f"<g><title>{escape(curve.label)} at {setting:g}: {rate_text(rate)} bpp, {escape(axis.text(value))}</title>"
        f"{_marker(curve.family, px, py)}</g>"
        for (px, py), (rate, value), setting in zip(places, curve.points, curve.settings, strict=True)
    ]
    return f'<g class="{curve.style}"><path class="line" d="M{line}"/>{"".join(markers)}</g>'


def _marker(family: str, x: float, y: float) -> str:
    r = MARKER
    match SHAPES.get(family, "cross"):
        case "circle":
            return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{r:g}"/>'
        case "square":
            path = f"M{x - r:.1f} {y - r:.1f}h{2 * r:g}v{2 * r:g}h{-2 * r:g}z"
        case "up":
            path = f"M{x:.1f} {y - r - 1:.1f}l{r + 1:g} {2 * r:g}h{-2 * r - 2:g}z"
        case "down":
            path = f"M{x:.1f} {y + r + 1:.1f}l{r + 1:g} {-2 * r:g}h{-2 * r - 2:g}z"
        case "diamond":
            path = f"M{x:.1f} {y - r - 1.5:.1f}l{r + 1:g} {r + 1.5:g}l{-r - 1:g} {r + 1.5:g}l{-r - 1:g} {-r - 1.5:g}z"
        case _:
            path = f"M{x - r:.1f} {y - 1:.1f}h{2 * r:g}v2h{-2 * r:g}z"
    return f'<path class="dot" d="{path}"/>'
