"""Pictures in the place of those that are lost: the last one stays and then fades into the next.

Each has the time of the one it stands for, so sound stays beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Generic, TypeVar

import numpy as np

from nvcodec.bitstream import LostGop
from nvcodec.media import Picture

Gop = TypeVar("Gop")

FADE_S = Fraction(1, 2)  # the last part of a gap, in which the picture changes
WEIGHTS = 256  # steps of a fade


class Concealer(Generic[Gop]):
    """The pictures of a file in order, GOP after GOP, with others where they are lost.

    `pictures_of` gives those of a GOP that is whole; `tick_s` is the unit of their times.
    """

    def __init__(self, pictures_of: Callable[[Gop], Iterator[Picture]], tick_s: Fraction) -> None:
        self._pictures_of, self._fade = pictures_of, FADE_S / tick_s
        self._last: Picture | None = None
        self._lost: list[LostGop] = []

    def pictures(self, gop: Gop | LostGop) -> Iterator[Picture]:
        """What is to be shown once the file's next GOP is there; nothing yet where that is lost."""
        if isinstance(gop, LostGop):
            self._lost.append(gop)
            return
        for picture in self._pictures_of(gop):
            yield from self._concealed(picture)
            self._last = picture
            yield picture

    def rest(self) -> Iterator[Picture]:
        """What is to be shown after the last GOP."""
        return self._concealed(None)

    def _concealed(self, after: Picture | None) -> Iterator[Picture]:
        lost, self._lost = self._lost, []
        before = self._last
        if not lost or (before is None and after is None):
            return
        times = [pts for gop in lost for pts in gop.pts]
        ends = [*times[1:], lost[-1].end]
        fade = min(self._fade, Fraction(lost[-1].end - lost[0].begin))
        for pts, end in zip(times, ends, strict=False):
            passed = 1 - (lost[-1].end - pts) / fade if fade else Fraction(0)
            yield replace(between(before, after, float(passed)), pts=pts, duration=end - pts)


def between(before: Picture | None, after: Picture | None, passed: float) -> Picture:
    """`before`, until `passed` is more than 0, and so much of `after` from there on; the one there is of None."""
    if before is None or after is None:
        (one,) = (picture for picture in (before, after) if picture is not None)
        return one
    weight = min(WEIGHTS, max(0, round(WEIGHTS * passed)))
    y, u, v = (_mixed(getattr(before, plane), getattr(after, plane), weight) for plane in "yuv")
    return Picture(before.pts, y, u, v, before.duration)


def _mixed(one: np.ndarray, other: np.ndarray, weight: int) -> np.ndarray:
    """Samples of `one` with `weight` / WEIGHTS of `other`, rounded; weights times 16 bits fit in 32."""
    mixed = one.astype(np.uint32) * (WEIGHTS - weight) + other.astype(np.uint32) * weight + WEIGHTS // 2
    return (mixed // WEIGHTS).astype(one.dtype)
