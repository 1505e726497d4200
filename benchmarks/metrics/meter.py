"""What a metric is: names, a version that changes when its values would, and a way to measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nvcodec.benchmarks.clips import Prepared


@dataclass(frozen=True, eq=False)
class Pair:
    """A clip, and a decoded copy of it: a raw file of as many frames of its size."""

    source: Prepared
    decoded: Path


@dataclass(frozen=True, eq=False)
class Meter:
    """Measures `names`. `measure` may leave one out that has no meaning for the clip, as for pictures too small."""

    names: tuple[str, ...]
    version: str
    measure: Callable[[Pair], dict[str, float]]


@dataclass(frozen=True)
class Absent:
    """Metrics that cannot be measured on this machine."""

    names: tuple[str, ...]
    reason: str
