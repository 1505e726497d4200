"""An axis of a picture: where values lie along it, and which are marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TICKS_MAX = 7


@dataclass(frozen=True)
class Scale:
    """An axis: from values low…high to pixels start…end."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, margin: float) -> Scale:
        """Of all `values`, with a share `margin` of what they span kept free at either end."""
        low, high = min(values), max(values)
        room = (high - low) * margin or max(abs(high), 1) * margin
        return cls(low - room, high + room, start, end)

    def at(self, value: float) -> float:
        """In pixels."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def value_ticks(low: float, high: float) -> list[float]:
    """Up to TICKS_MAX multiples of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10((high - low) / TICKS_MAX))
    step = next(m * power for m in (1, 2, 5, 10) if (high - low) / (m * power) <= TICKS_MAX)
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
