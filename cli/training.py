"""What the stages of `nvcodec train` share: settings, the run's folder, and the line that moves."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from nvcodec.errors import NvcodecError, OutputError


def with_settings(config: Any, settings: list[str] | None) -> Any:
    """`config` with every KEY=VALUE of `--set`. Raises typer.BadParameter for what is none."""
    from nvcodec.train.settings import with_setting

    for setting in settings or ():
        key, equals, value = setting.partition("=")
        if not equals:
            raise typer.BadParameter(f"{setting!r} is not KEY=VALUE", param_hint="--set")
        config = with_setting(config, key, value)
    return config


def check_run_folder(folder: Path, resume: bool) -> None:
    """NvcodecError where `folder` has no run to go on with, OutputError where there is one that none asked for."""
    from nvcodec.train.checkpoint import CHECKPOINT

    there = (folder / CHECKPOINT).exists()
    if resume and not there:
        raise NvcodecError(f"{folder} has no checkpoint to go on from; without --resume a new run begins")
    if there and not resume:
        raise OutputError(f"{folder} is a run already; --resume goes on with it, --run names another folder")


@contextmanager
def progress_bar(what: str, unit: str, total: int, done: int, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """Gives what is told how many of `total` are done; None when nobody could watch. `unit` is steps or such."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn(what),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        task = bars.add_task(what, total=total, completed=done, speed="")
        began = time.monotonic()

        def watch(now: int) -> None:
            speed = (now - done) / max(time.monotonic() - began, 1e-9)
            bars.update(task, completed=now, speed=f"{speed:.2f} {unit}/s")

        yield watch
