"""When the frames of a GOP are shown: exact, yet three bytes for the steps of most videos.

Frames at a constant rate in a clock too coarse for it (33, 34, 33, … milliseconds at 30 frames a second) are
a straight line drawn on a grid: pts[i] = pts[0] + ⌊(i · num + phase) / den⌋. A constant step is the line with
den = 1. Truly variable times are written as differences.

Every increasing sequence that is such a line has a simplest slope, and that is the one written (Klette and
Rosenfeld, "Digital straightness: a review", 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from .errors import BitstreamError
from .fields import FieldReader, FieldWriter


def write_times(fields: FieldWriter, pts: Sequence[int]) -> None:
    """`pts` must be strictly increasing; their number is not written."""
    fields.svarint(pts[0])
    if len(pts) == 1:
        return
    slope = find_slope(pts)
    if slope is None:
        fields.varint(0)
        for before, after in pairwise(pts):
            fields.varint(after - before)
    else:
        fields.varint(slope.denominator)
        fields.varint(slope.numerator)
        fields.varint(_phase(pts, slope))


def read_times(fields: FieldReader, count: int) -> tuple[int, ...]:
    """The `count` times that `write_times` wrote."""
    first = fields.svarint()
    if count == 1:
        return (first,)
    den = fields.varint()
    if den == 0:
        pts = [first]
        for _ in range(count - 1):
            pts.append(pts[-1] + fields.varint())
        return tuple(pts)
    num, phase = fields.varint(), fields.varint()
    if phase >= den:
        raise BitstreamError("the phase of the time stamps is not less than their denominator")
    return tuple(first + (i * num + phase) // den for i in range(count))


def find_slope(pts: Sequence[int]) -> Fraction | None:
    """The slope num / den with the smallest den of a line that meets all `pts`, None if there is no line.

    Two points `gap` apart whose times differ by d leave the slopes between (d − 1) / gap and (d + 1) / gap,
    and the slopes that all pairs leave are those of the line.
    """
    low, low_gap, high, high_gap = 0, 1, pts[1] - pts[0] + 1, 1  # the slopes low / low_gap and high / high_gap
    for gap in range(1, len(pts)):
        differences = [after - before for before, after in zip(pts, pts[gap:], strict=False)]
        least, most = max(differences) - 1, min(differences) + 1
        if least * low_gap > low * gap:
            low, low_gap = least, gap
        if most * high_gap < high * gap:
            high, high_gap = most, gap
        if low * high_gap >= high * low_gap:
            return None
    return _simplest_between(Fraction(low, low_gap), Fraction(high, high_gap))


def _phase(pts: Sequence[int], slope: Fraction) -> int:
    """The smallest phase with which a line of that slope meets all `pts`."""
    return max((t - pts[0]) * slope.denominator - i * slope.numerator for i, t in enumerate(pts))


def _simplest_between(low: Fraction, high: Fraction | None) -> Fraction:
    """The fraction with the smallest denominator in the open interval; None stands for infinity.

    A walk down the Stern-Brocot tree, a run of equal steps at a time.
    """
    whole = low.numerator // low.denominator
    if high is None or whole + 1 < high:
        return Fraction(whole + 1)
    inverse_high = None if low == whole else 1 / (low - whole)
    return whole + 1 / _simplest_between(1 / (high - whole), inverse_high)
