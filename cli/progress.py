"""The line that moves: while a video is coded, and while anything else is counted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nvcodec.codec import Progress

    Report = Callable[[Progress], None]


class Count(Protocol):
    """What is told that `now` are done, `of` so many where nobody has said."""

    def __call__(self, now: int, of: int | None = None, /) -> None:
        """Show it."""
        ...


@contextmanager
def progress_line(quiet: bool) -> Iterator[Report | None]:
    """Gives what `encode` and `decode` report to; None when nobody could watch, or `quiet` asks for peace."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}"),
        console=Console(stderr=True),
        transient=True,
    )
    with bars:
        task = bars.add_task("starting", total=None, figures="")
        clock = Clock()

        def show(state: Progress) -> None:
            bars.update(
                task,
                description=state.stage,
                completed=state.frames,
                total=state.total,
                figures=figures(state, clock.seconds(state.stage)),
            )

        yield show


@contextmanager
def counting_line(
    what: str, quiet: bool, *, total: int | None = None, done: int = 0, unit: str | None = None, digits: int = 2
) -> Iterator[Count | None]:
    """Gives what is told how many are done, and of how many where `total` does not say; None as above.

    With a `unit` (steps, clips) it shows how many a second, to so many `digits`, from those `done` before.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    speed = [TextColumn("{task.fields[speed]}")] if unit else []
    bars = Bars(
        TextColumn(what),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        *speed,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bars:
        task = bars.add_task(what, total=total, completed=done, speed="")
        began = time.monotonic()

        def count(now: int, of: int | None = None) -> None:
            rate = (now - done) / max(time.monotonic() - began, 1e-9)
            bars.update(task, completed=now, total=of or total, speed=f"{rate:.{digits}f} {unit}/s")

        yield count


class Clock:
    """Time since the present stage began."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._stage = ""
        self._began = now()

    def seconds(self, stage: str) -> float:
        """Seconds since `stage` was first asked for."""
        if stage != self._stage:
            self._stage, self._began = stage, self._now()
        return self._now() - self._began


def figures(state: Progress, seconds: float) -> str:
    """ "48/75 frames · 61.2 fps · 0:00:12 left · 0.0312 bpp", less what cannot be known yet."""
    parts = [f"{state.frames}/{state.total} frames" if state.total else f"{state.frames} frames"]
    speed = state.frames / seconds if seconds > 0 else 0.0
    if speed:
        parts.append(f"{speed:.1f} fps")
        if state.total:
            parts.append(f"{_clock_text(max(0, state.total - state.frames) / speed)} left")
    if state.pixels and state.bytes:
        parts.append(f"{8 * state.bytes / state.pixels:.4f} bpp")
    return " · ".join(parts)


def _clock_text(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"
