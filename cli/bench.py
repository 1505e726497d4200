"""`nvcodec bench`: nvcodec against the codecs people would use instead, on any videos."""

from __future__ import annotations

import importlib.resources
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nvcodec.errors import NvcodecError, OutputError
from nvcodec.files import atomic_output

from .bench_labelled import (
    COUNT,
    FEATURES,
    GENERATION,
    SAMPLES,
    VOCABULARY,
    Count,
    Features,
    Generation,
    Guidance,
    I3d,
    Inception,
    Models,
    Steps,
    Tokenizers,
    Vocabulary,
    Wanted,
    measure_labelled,
)
from .bench_progress import bench_progress
from .messages import print_summary, print_warnings
from .options import Debug, Json, ModelName, Quiet

if TYPE_CHECKING:
    from nvcodec.benchmarks.plan import Plan
    from nvcodec.benchmarks.report import Table
    from nvcodec.benchmarks.results import Results

RESULTS, SHEET, REPORT, TOKENS = "results.json", "results.csv", "report.html", "tokens.json"
WIDTH = 160  # of tables in a file or pipe, which has none
EXTRA = ("bjontegaard", "zstandard")  # and an ffmpeg, which may come from elsewhere

Clips = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="CLIPS", help="Videos to measure on. Left out: a clip that comes with nvcodec.", show_default=False
    ),
]
Against = Annotated[
    str,
    typer.Option(
        "--against",
        metavar="NAMES",
        help="Rivals: hevc, vvc, av1, h264; or one encoder of a family, such as x265-slow.",
    ),
]
Series = Annotated[
    str,
    typer.Option(
        "--series",
        metavar="NAMES",
        help="How frames may refer: long (one I-frame), random-access (an I-frame a GOP), low-delay (no B-frames).",
    ),
]
Quality = Annotated[
    list[str] | None,
    typer.Option(
        "--quality",
        metavar="[NAME=]N,N",
        help="Settings of nvcodec, or of the rival named, as in hevc=28,36. Left out: each coder's own, "
        "up to 0.3 bits per pixel.",
        show_default=False,
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="NAMES",
        help="Such as psnr_y,ssim,vmaf. Left out: all that can be measured here.",
        show_default=False,
    ),
]
Frames = Annotated[
    int | None, typer.Option("--frames", metavar="N", min=1, help="Take so many of every clip.", show_default=False)
]
Scale = Annotated[
    str | None,
    typer.Option("--scale", metavar="WxH|FACTOR", help="Size to measure at, such as 640x360 or 1/2."),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where report and results go.")]
Jobs = Annotated[
    int, typer.Option("--jobs", metavar="N", min=1, help="Coders at a time; each gets fewer threads then.")
]
Threads = Annotated[
    int, typer.Option("--threads", metavar="N", min=0, help="CPU threads of every coder; 0: all, shared by the jobs.")
]
ScaledRivals = Annotated[
    bool, typer.Option("--scaled-rivals", help="Let rivals code at half the size too, scaled back afterwards.")
]
Tokens = Annotated[
    bool,
    typer.Option("--tokens", help="Instead of rivals: what a token costs, against zlib, zstd and xz."),
]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="What has been measured already. Left out: a folder of the user's.",
        show_default=False,
    ),
]
ForceFolder = Annotated[
    bool, typer.Option("-f", "--force", help="Write into DIR even if it holds other files, which stay.")
]


def bench(
    clips: Clips = None,
    against: Against = "hevc,vvc,av1,h264",
    series: Series = "long",
    quality: Quality = None,
    metrics: Metrics = None,
    frames: Frames = None,
    scale: Scale = None,
    scaled_rivals: ScaledRivals = False,
    tokens: Tokens = False,
    generation: Generation = False,
    vocabulary: Vocabulary = False,
    lm: Models = None,
    tokenizer: Tokenizers = None,
    features: Features = FEATURES,
    count: Count = COUNT,
    steps: Steps = "12,24,64",
    guidance: Guidance = "0,2",
    inception: Inception = None,
    i3d: I3d = None,
    out: Out = Path("nvcodec-bench"),
    jobs: Jobs = 1,
    threads: Threads = 0,
    model: ModelName = "tiny",
    cache: CacheFolder = None,
    force: ForceFolder = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure nvcodec against other codecs: rate, quality, speed and memory.

    Writes report.html, results.json and results.csv into DIR. What has been measured is kept: a run that was
    interrupted goes on where it was.
    """
    check_folder(out, force)
    if generation or vocabulary:
        if (generation and vocabulary) or tokens:
            raise typer.BadParameter("--generation, --vocabulary and --tokens measure one thing each: take one")
        wanted = Wanted(lm or (), tokenizer or (), features, count, steps, guidance, threads, inception, i3d)
        what = GENERATION if generation else VOCABULARY
        measure_labelled(what, clips, wanted, out, print_tables, as_json=as_json, quiet=quiet)
        return
    if lm or tokenizer:
        raise typer.BadParameter("--lm and --tokenizer are for --generation and --vocabulary")
    if inception or i3d:
        raise typer.BadParameter("--inception and --i3d are for --generation")
    require_extra()
    settings = parse_qualities(quality or ())
    with videos(clips) as paths:
        if tokens:
            measure_tokens(paths, scale, threads, model, out, as_json=as_json, quiet=quiet)
            return
        from nvcodec.benchmarks.plan import Plan

        plan = Plan(
            clips=paths,
            against=names(against),
            series=names(series),
            qualities=settings,
            metrics=None if metrics is None else names(metrics),
            frames=frames,
            scale=scale,
            threads=threads,
            jobs=jobs,
            scaled_rivals=scaled_rivals,
            model=model,
        )
        measure(plan, cache, out, as_json=as_json, quiet=quiet)


def measure(plan: Plan, cache: Path | None, out: Path, *, as_json: bool, quiet: bool) -> None:
    """Run, write everything, say what came of it."""
    from nvcodec.benchmarks.cache import Cache, default_folder
    from nvcodec.benchmarks.report import terminal_tables, write_report
    from nvcodec.benchmarks.run import run
    from nvcodec.benchmarks.spreadsheet import to_csv

    try:
        with bench_progress(quiet) as watch:
            done = run(plan, Cache(cache or default_folder()), watch)
    except KeyboardInterrupt:
        if not quiet:
            print("nvcodec: what has been measured is kept; the same command goes on from there", file=sys.stderr)
        raise
    out.mkdir(exist_ok=True)
    write(out / RESULTS, done.results.to_json())
    write(out / SHEET, to_csv(done.results))
    write_report(done.results, done.frames, out / REPORT)
    print_warnings((*done.notes, *failures(done.results)), quiet)
    if as_json:
        print(done.results.to_json(), end="")
    elif not quiet:
        print_tables(terminal_tables(done.results))
        print_summary(f"{out / REPORT} shows it all; {RESULTS} and {SHEET} beside it have the figures")


def measure_tokens(
    paths: Sequence[Path], scale: str | None, threads: int, model: str, out: Path, *, as_json: bool, quiet: bool
) -> None:
    """The token-level report."""
    from nvcodec.benchmarks.report.token_tables import token_tables
    from nvcodec.benchmarks.tokens import token_report

    from nvcodec.codec import EncodeOptions

    report = token_report(paths, EncodeOptions(scale=scale, threads=threads, model=model))
    out.mkdir(exist_ok=True)
    write(out / TOKENS, report.to_json())
    if as_json:
        print(report.to_json(), end="")
    elif not quiet:
        print_tables(token_tables(report))
        print_summary(f"{out / TOKENS} has the figures")


@contextmanager
def videos(clips: Sequence[Path] | None) -> Iterator[tuple[Path, ...]]:
    """The clips, or the one that is in the package."""
    if clips:
        yield tuple(clips)
        return
    with importlib.resources.as_file(importlib.resources.files("nvcodec") / "assets" / "demo.mp4") as clip:
        yield (clip,)


def check_folder(folder: Path, force: bool) -> None:
    """Raises OutputError, before hours of work, when results can't go there, or not without getting mixed up."""
    parent = folder.absolute().parent
    if not folder.exists():
        if not parent.is_dir():
            raise OutputError(f"{folder}: there is no folder {folder.parent}")
        if not os.access(parent, os.W_OK):
            raise OutputError(f"{folder} cannot be made: no permission to write in {folder.parent}")
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is not a folder")
    own = (RESULTS, SHEET, REPORT, TOKENS, f"{GENERATION}.", VOCABULARY, SAMPLES)  # how names of ours begin
    strangers = sorted(path.name for path in folder.iterdir() if not path.name.startswith(own))
    if strangers and not force:
        raise OutputError(f"{folder} holds other files, such as {strangers[0]} (-f writes there all the same)")


def require_extra() -> None:
    """Raises NvcodecError when what only the benchmark needs is not installed."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise NvcodecError(f"nvcodec bench needs the package {missing[0]}: pip install 'nvcodec[bench]'")


def parse_qualities(texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Settings by coder; those that name none are nvcodec's.

    >>> parse_qualities(["20,40", "hevc=28,36.5"])
    {'nvcodec': (20.0, 40.0), 'hevc': (28.0, 36.5)}

    Raises typer.BadParameter for what is not a list of numbers.
    """
    settings: dict[str, tuple[float, ...]] = {}
    for text in texts:
        name, _, numbers = text.rpartition("=")
        try:
            settings[name or "nvcodec"] = tuple(float(number) for number in numbers.split(","))
        except ValueError:
            raise typer.BadParameter(
                f"{text!r} is not a list of numbers; 20,40 and hevc=28,36 are", param_hint="--quality"
            ) from None
    return settings


def names(text: str) -> tuple[str, ...]:
    """What stands between commas.

    >>> names("hevc, vvc")
    ('hevc', 'vvc')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip())


def write(path: Path, text: str) -> None:
    """A file of results, in the place of an earlier one."""
    with atomic_output(path, force=True) as file:
        file.write(text.encode())


def failures(results: Results) -> list[str]:
    """One warning for all files that could not be made."""
    failed = [m for m in results.measurements if m.error is not None]
    if not failed:
        return []
    return [
        f"{len(failed)} of {len(results.measurements)} files could not be made or measured, such as "
        f"{failed[0].coder} at {failed[0].setting:g} of {failed[0].clip}: {failed[0].error}"
    ]


def print_tables(tables: Sequence[Table]) -> None:
    """For people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    for table in tables:
        shown = RichTable(box=box.SIMPLE, title=table.title, title_justify="left")
        for column, side in zip(table.columns, table.align, strict=True):
            shown.add_column(column, justify="right" if side == "r" else "left")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
        if table.note:
            console.print(table.note, style="dim", end="\n\n")
