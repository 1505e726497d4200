"""`nvcodec train`: tokenizer and prior learn from videos and photographs, a language model from tokens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from nvcodec.errors import NvcodecError

from .messages import count_text, print_summary, print_warnings
from .options import Debug, Quiet
from .progress import counting_line
from .train_lm import train_lm
from .train_probe import train_probe
from .training import check_run_folder, with_settings

LM = "lm"
PROBES = ("probe", "features")
TOKENIZER = "compact"  # whose tokens a probe reads

Stage = Annotated[
    str,
    typer.Argument(
        metavar="STAGE",
        help="joint: tokenizer and prior together. tokenizer or prior: that alone. lm: the language model. "
        "probe: what names the classes of clips. features: what generated clips are measured by.",
        show_default=False,
    ),
]
Config = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG|DIR",
        help="For probe and features, the labelled set to learn. For all others a TOML file of settings that are not "
        "the defaults, or a name: tiny, tiny-gan, compact, magvit2, prior-300m, lm-tiny, lm-tiny-next, lm-307m.",
        show_default=False,
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option("--run", help="Folder of the run. Left out: runs/ and the name of CONFIG.", show_default=False),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        metavar="DIR|TAR",
        help="Folder of videos, photographs and WebDataset shards, or shards, such as train-{000..099}.tar; "
        "may be repeated.",
        show_default=False,
    ),
]
Validate = Annotated[
    list[Path] | None,
    typer.Option(
        "--validate", metavar="DIR|TAR", help="Clips to measure on, none of --data, likewise; may be repeated."
    ),
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
Tokens = Annotated[
    str | None,
    typer.Option(
        "--tokenizer",
        metavar="NAME|FILE",
        help="For lm and probe: the weights whose tokens are learnt; compact for probe.",
        show_default=False,
    ),
]
Input = Annotated[
    str | None,
    typer.Option("--input", metavar="NAME", help="For probe: tokens, as usual, or pixels.", show_default=False),
]


def train(
    stage: Stage,
    config: Config,
    data: Data = None,
    validate: Validate = None,
    run: Folder = None,
    cache: Cache = None,
    resume: Resume = False,
    settings: Settings = None,
    start: Origin = None,
    tokenizer: Tokens = None,
    reads: Input = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a model, on the GPU where there is one. Under torchrun every process draws its own clips.

    Files that cannot be read are left out and listed. Nothing but the same configuration and data, on as many
    processes, goes on exactly where it stood. A tokenizer or prior alone learns beside the other half that --start
    brings, which stays as it is. A language model learns a labelled set, of which --data is the one folder;
    a probe and a feature network learn one, which stands in the place of CONFIG.
    """
    if stage in PROBES:
        _train_probe(stage, config, data, validate, run, cache, resume, settings, start, tokenizer, reads, quiet)
        return
    if reads is not None:
        raise typer.BadParameter("only probe takes it", param_hint="--input")
    if not data:
        raise typer.BadParameter("something to learn from is needed", param_hint="--data")
    folder = Path("runs") / config.stem if run is None else run
    if stage == LM:
        if tokenizer is None or len(data) != 1 or validate:
            raise typer.BadParameter("lm takes --tokenizer and one --data, and no --validate")
        train_lm(config, data[0], tokenizer, folder, cache, resume, settings, start, quiet)
        return
    if tokenizer is not None:
        raise typer.BadParameter("only lm and probe take it", param_hint="--tokenizer")
    from nvcodec.train.config import STAGES, check, check_start
    from nvcodec.train.prepare import prepare
    from nvcodec.train.processes import join_processes, leave_processes
    from nvcodec.train.run import Run
    from nvcodec.train.settings import read_settings, with_setting
    from nvcodec.train.sources import Source, overlap

    if stage not in STAGES:
        raise typer.BadParameter(f"there is no stage {stage!r}; there are {', '.join((*STAGES, LM, *PROBES))}")
    wanted = with_setting(with_settings(read_settings(config), settings), "stage", stage)
    check(wanted)
    check_run_folder(folder, resume)
    if not resume:
        check_start(wanted, start)
    measured = validate or []
    both = overlap(data, measured)
    if both is not None:
        raise NvcodecError(f"{both} is in --data and in --validate: what is learnt from measures nothing")
    first = int(os.environ.get("RANK", "0")) == 0
    broken: list[str] = []

    def leave_out(source: Source, error: str) -> None:
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
        bar = counting_line("training", quiet or not first, total=wanted.steps, done=training.step, unit="steps")
        with bar as watch:
            training.train(watch)
    finally:
        leave_processes()
    if first and not quiet:
        print_summary(f"{folder}: {count_text(training.step, 'step')} of {len(files)} prepared files")


def _train_probe(
    stage: str,
    labelled: Path,
    data: list[Path] | None,
    validate: list[Path] | None,
    run: Path | None,
    cache: Path | None,
    resume: bool,
    settings: list[str] | None,
    start: Path | None,
    tokenizer: str | None,
    reads: str | None,
    quiet: bool,
) -> None:
    """The stages that learn classes."""
    if data or validate or start is not None:
        raise typer.BadParameter(f"{stage} takes one labelled set, and neither --data nor --validate nor --start")
    usual = "tokens" if stage == "probe" else "pixels"
    reads = usual if reads is None else reads
    if tokenizer is not None and reads == "pixels":
        raise typer.BadParameter("pixels need none", param_hint="--tokenizer")
    folder = Path("runs") / (stage if stage == "features" else f"{stage}-{reads}") if run is None else run
    train_probe(stage, labelled, reads, tokenizer or TOKENIZER, folder, cache, resume, settings, quiet)
