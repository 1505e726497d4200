"""`nvcodec bench DIR --generation` and `--vocabulary`: language models and their tokenizers on a labelled set."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nvcodec.files import atomic_output

from .messages import print_summary

if TYPE_CHECKING:
    from nvcodec.benchmarks.report import Table

GENERATION, VOCABULARY, SAMPLES = "generation", "vocabulary", "samples-"  # what files are called by, or begin with
FEATURES = "moving-features"  # the feature network that is in the package
COUNT = 480  # clips of every row

Generation = Annotated[
    bool,
    typer.Option("--generation", help="Instead of codecs: what language models draw. CLIPS is a labelled set."),
]
Vocabulary = Annotated[
    bool,
    typer.Option("--vocabulary", help="Instead of codecs: what tokenizers' vocabularies are worth, likewise."),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--lm", metavar="NAME|FILE", help="For these: a language model; may be repeated.", show_default=False
    ),
]
Tokenizers = Annotated[
    list[str] | None,
    typer.Option(
        "--tokenizer", metavar="NAME|FILE", help="For --vocabulary: a tokenizer; may be repeated.", show_default=False
    ),
]
Features = Annotated[
    str, typer.Option("--features", metavar="NAME|FILE", help="For these: the feature network that judges.")
]
Inception = Annotated[
    Path | None,
    typer.Option(
        "--inception",
        metavar="FILE",
        help="For --generation: FID too, by torch-fidelity (pip install 'nvcodec[fid]') with the weights in FILE, "
        "which nvcodec does not fetch.",
        show_default=False,
    ),
]
I3d = Annotated[
    Path | None,
    typer.Option(
        "--i3d",
        metavar="FILE",
        help="For --generation: FVD too, by the I3D in FILE, i3d_torchscript.pt, which nvcodec does not fetch. "
        "TorchScript is code and is run: take it from where you trust.",
        show_default=False,
    ),
]
Count = Annotated[int, typer.Option("--count", metavar="N", min=2, help="For these: clips of each kind.")]
Steps = Annotated[
    str, typer.Option("--steps", metavar="N,N", help="For --generation: steps of masked models; --vocabulary: first.")
]
Guidance = Annotated[str, typer.Option("--guidance", metavar="W,W", help="Likewise guidance; --vocabulary: last.")]


@dataclass(frozen=True)
class Wanted:
    """What of the command's options these two take."""

    models: Sequence[str]
    tokenizers: Sequence[str]
    features: str
    count: int
    steps: str
    guidance: str
    threads: int
    inception: Path | None = None
    i3d: Path | None = None


def measure_labelled(
    what: str,
    clips: Sequence[Path] | None,
    wanted: Wanted,
    out: Path,
    show: Callable[[Sequence[Table]], None],
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure `what`, write tables, figures and pictures into `out`, and say what came of it; `show` shows tables."""
    if clips is None or len(clips) != 1:
        raise typer.BadParameter(f"--{what} takes one labelled set, such as nvcodec data moving makes")
    if what == GENERATION and (not wanted.models or wanted.tokenizers):
        raise typer.BadParameter("--generation takes one --lm or more, and no --tokenizer")
    if what == VOCABULARY and not wanted.tokenizers:
        raise typer.BadParameter("--vocabulary takes one --tokenizer or more")
    if what == VOCABULARY and (wanted.inception or wanted.i3d):
        raise typer.BadParameter("--inception and --i3d are for --generation")
    steps = tuple(int(number) for number in _numbers(wanted.steps, "--steps"))
    guidance = _numbers(wanted.guidance, "--guidance")
    import torch
    from nvcodec.benchmarks.generation import Plan, measure_generation
    from nvcodec.benchmarks.labelled import real_clips
    from nvcodec.benchmarks.outside_features import outside_features
    from nvcodec.benchmarks.report.generation_tables import generation_tables
    from nvcodec.benchmarks.report.table import markdown
    from nvcodec.benchmarks.report.vocabulary_tables import vocabulary_charts, vocabulary_table
    from nvcodec.benchmarks.samples import write_samples
    from nvcodec.benchmarks.vocabulary import measure_vocabulary

    from nvcodec.generate.model import load_lm
    from nvcodec.generate.sampling import SamplingConfig

    if wanted.threads:
        torch.set_num_threads(wanted.threads)
    say = _silent if quiet else _said
    outside = outside_features(wanted.inception, wanted.i3d)
    if outside:
        say(f"{' and '.join(each.distance for each in outside)}: the reference clips first, which may take long")
    models = [load_lm(name) for name in wanted.models]
    real = real_clips(clips[0], wanted.features, wanted.count, outside=outside)
    out.mkdir(exist_ok=True)
    if what == GENERATION:
        report, samples = measure_generation(real, models, Plan(steps, guidance), say)
        tables, figures = generation_tables(report), report.to_json()
        write_samples(samples, out)
    else:
        config = SamplingConfig(steps=steps[0], guidance=guidance[-1])
        vocabularies = measure_vocabulary(real, wanted.tokenizers, models, config, 1, say)
        tables, figures = [vocabulary_table(vocabularies)], vocabularies.to_json()
        for name, svg in vocabulary_charts(vocabularies).items():
            _write(out / f"{name}.svg", svg)
    _write(out / f"{what}.json", figures)
    _write(out / f"{what}.md", "\n".join(markdown(table) for table in tables))
    if as_json:
        print(figures, end="")
    elif not quiet:
        show(tables)
        print_summary(f"{out} has {what}.json, {what}.md and pictures")


def _numbers(text: str, option: str) -> tuple[float, ...]:
    """What stands between commas. Raises typer.BadParameter for what is no number from 0 on."""
    try:
        found = tuple(float(number) for number in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 0:
        raise typer.BadParameter(f"{text!r} is no list of numbers; 12,24 is", param_hint=option)
    return found


def _said(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _silent(line: str) -> None:
    pass


def _write(path: Path, text: str) -> None:
    with atomic_output(path, force=True) as file:
        file.write(text.encode())
