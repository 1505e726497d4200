"""`nvcodec train`: tokenizer and prior learn from folders of videos and photographs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from nvcodec.errors import NvcodecError, OutputError

from .messages import count_text, print_summary, print_warnings
from .options import Debug, Quiet

Stage = Annotated[
    str,
    typer.Argument(
        metavar="STAGE", help="joint: tokenizer and prior together. tokenizer or prior: that alone.", show_default=False
    ),
]
Config = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG",
        help="A TOML file of settings that are not the defaults, or a name: tiny, magvit2, prior-300m.",
        show_default=False,
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option("--run", help="Folder of the run. Left out: runs/ and the name of CONFIG.", show_default=False),
]
Data = Annotated[
    list[Path], typer.Option("--data", metavar="DIR", help="Folder of videos and photographs; may be repeated.")
]
Validate = Annotated[
    list[Path] | None,
    typer.Option("--validate", metavar="DIR", help="Folder of clips to measure on, none of --data; may be repeated."),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Where decoded clips are kept. Left out: in RUN.", show_default=False),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting more, such as data.crop=96.", show_default=False),
]
Origin = Annotated[
    Path | None,
    typer.Option("--start", metavar="RUN|FILE", help="Begin with what a run or model has learnt.", show_default=False),
]


def train(
    stage: Stage,
    config: Config,
    data: Data,
    validate: Validate = None,
    run: Folder = None,
    cache: Cache = None,
    resume: Resume = False,
    settings: Settings = None,
    start: Origin = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a model, on the GPU where there is one. Under torchrun every process draws its own clips.

    Files that cannot be read are left out and listed. Nothing but the same configuration and data, on as many
    processes, goes on exactly where it stood. A tokenizer or prior alone learns beside the other half that --start
    brings, which stays as it is.
    """
    folder = Path("runs") / config.stem if run is None else run
    from nvcodec.train.checkpoint import CHECKPOINT
    from nvcodec.train.config import STAGES, check, check_start
    from nvcodec.train.prepare import overlap, prepare
    from nvcodec.train.processes import join_processes, leave_processes
    from nvcodec.train.run import Run
    from nvcodec.train.settings import read_settings, with_setting

    if stage not in STAGES:
        raise typer.BadParameter(f"there is no stage {stage!r}; there are {', '.join(STAGES)}")
    wanted = read_settings(config)
    for setting in settings or ():
        key, equals, value = setting.partition("=")
        if not equals:
            raise typer.BadParameter(f"{setting!r} is not KEY=VALUE", param_hint="--set")
        wanted = with_setting(wanted, key, value)
    wanted = with_setting(wanted, "stage", stage)
    check(wanted)
    there = (folder / CHECKPOINT).exists()
    if resume and not there:
        raise NvcodecError(f"{folder} has no checkpoint to go on from; without --resume a new run begins")
    if there and not resume:
        raise OutputError(f"{folder} is a run already; --resume goes on with it, --run names another folder")
    if not resume:
        check_start(wanted, start)
    measured = validate or []
    for option, sources in (("--data", data), ("--validate", measured)):
        for source in sources:
            if not source.is_dir():
                raise NvcodecError(f"{option} {source}: there is no such folder")
    both = overlap(data, measured)
    if both is not None:
        raise NvcodecError(f"{both} is below --data and below --validate: what is learnt from measures nothing")
    first = int(os.environ.get("RANK", "0")) == 0
    broken: list[str] = []

    def leave_out(source: Path, error: str) -> None:
        broken.append(f"left out {source}: {error}")

    join_processes()
    try:
        kept = cache or folder / "data"
        files = prepare(data, kept, leave_out)
        held_out = prepare(measured, kept, leave_out, (wanted.validation.height,))
        print_warnings(broken, quiet or not first)
        try:
            training = Run(wanted, folder, files, start, held_out)
        except ValueError as error:
            raise NvcodecError(f"{', '.join(map(str, data))}: {error}") from error
        with _progress_bar(wanted.steps, training.step, quiet or not first) as watch:
            training.train(watch)
    finally:
        leave_processes()
    if first and not quiet:
        print_summary(f"{folder}: {count_text(training.step, 'step')} of {len(files)} prepared files")


@contextmanager
def _progress_bar(steps: int, done: int, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """Gives what is told each step; None when nobody could watch."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("training"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        task = bars.add_task("training", total=steps, completed=done, speed="")
        began = time.monotonic()

        def watch(step: int) -> None:
            speed = (step - done) / max(time.monotonic() - began, 1e-9)
            bars.update(task, completed=step, speed=f"{speed:.2f} steps/s")

        yield watch
