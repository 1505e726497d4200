"""The line that moves while the benchmark runs: which coder is at work, how many files are done, time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nvcodec.benchmarks.run import Progress

    Watch = Callable[[Progress], None]


@contextmanager
def bench_progress(quiet: bool) -> Iterator[Watch | None]:
    """Gives what `run` reports to; None when nobody could watch, or `quiet` asks for peace."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("files ·"),
        TimeElapsedColumn(),
        TextColumn("·"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
    )
    with bars:
        task = bars.add_task("reading clips", total=None)

        def show(state: Progress) -> None:
            bars.update(task, description=f"{state.clip}: {state.label}", completed=state.done, total=state.total)

        yield show
