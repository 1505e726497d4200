"""What the commands that draw from a language model share: options, files, and what is said."""

from __future__ import annotations

import dataclasses
import time
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nvcodec.errors import NvcodecError

from .messages import print_json, print_summary, print_warnings
from .progress import Count, counting_line
from .streams import is_pipe, refuse_same_file, refuse_terminal, refuse_two_outputs

if TYPE_CHECKING:
    from nvcodec.generate import LanguageModel, SamplingConfig

MASKED_LM, NEXT_LM = "lm-tiny", "lm-tiny-next"
GUIDANCE = 2.0  # where a class is asked for and no guidance is

Clip = Annotated[
    Path, typer.Argument(metavar="CLIP", help="Anything FFmpeg reads; the model sees its middle.", show_default=False)
]
ModelNameOrFile = Annotated[
    str, typer.Option("--model", metavar="NAME|FILE", help="A language model of `nvcodec models`, or its file.")
]
ModelByOptions = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|FILE",
        help=f"A language model of `nvcodec models`, or its file. Left out: {NEXT_LM}, which draws better clips; "
        f"{MASKED_LM} with --steps or --choice, which are for models of masked tokens.",
        show_default=False,
    ),
]
ClassName = Annotated[
    str | None,
    typer.Option("--class", metavar="NAME", help="What is to be seen; generate --list lists.", show_default=False),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps", metavar="N", min=1, help="Steps a window of masked tokens is drawn in: 12.", show_default=False
    ),
]
Choice = Annotated[
    float | None,
    typer.Option(
        "--choice",
        metavar="X",
        min=0,
        help="Gumbel noise, fading, in the choice of the tokens a step keeps: 4.5.",
        show_default=False,
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option("--temperature", metavar="X", min=0, help="1: as likely as learnt; 0: the likeliest."),
]
Guidance = Annotated[
    float | None,
    typer.Option(
        "--guidance",
        metavar="W",
        min=0,
        help=f"How much the class is leaned towards: {GUIDANCE:g} with --class.",
        show_default=False,
    ),
]


class Schedule(StrEnum):
    """How guidance grows from the first step to the last."""

    CONSTANT = "constant"
    LINEAR = "linear"
    COSINE = "cosine"


GuidanceSchedule = Annotated[
    Schedule | None,
    typer.Option(
        "--schedule",
        help="Guidance from the start, or growing to it by a line or a cosine. Left out: by a line, with models of the "
        "next token from the start.",
        show_default=False,
    ),
]
TopK = Annotated[
    int | None,
    typer.Option(
        "--top-k", metavar="K", min=1, help="Draw among the K likeliest; models of the next token.", show_default=False
    ),
]
TopP = Annotated[
    float | None,
    typer.Option(
        "--top-p",
        metavar="P",
        min=0.0,
        max=1.0,
        help="Draw among the likeliest that come to P, 1: among all; models of the next token. Left out: 0.95.",
        show_default=False,
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="S", min=0, max=(1 << 32) - 1, help="The same seed draws the same file.")
]
Context = Annotated[
    int, typer.Option("--context", metavar="N", min=1, help="Frames that the next ones are drawn from, 1 + 4k.")
]
CodedQuality = Annotated[
    int, typer.Option("-q", "--quality", metavar="1..100", min=1, max=100, help="Of a .mgv file.")
]


def check_files(source: Path | None, target: Path, force: bool, as_json: bool, *also: str) -> None:
    """Before anything slow: OutputError, OutputExists or typer.BadParameter for what cannot be read or written.

    `also` are suffixes that a command writes beside videos, pictures and `.mgv`.
    """
    if source is not None and is_pipe(source):
        raise typer.BadParameter("a clip is read twice, first for its size; give it as a file")
    if source is not None:
        refuse_same_file(source, target)
    refuse_two_outputs(target, as_json)
    if is_pipe(target):
        refuse_terminal()
        return
    from nvcodec.files import check_output
    from nvcodec.media.encoders import CONTAINERS

    known = (*CONTAINERS, ".y4m", ".png", ".mgv", *also)
    if target.suffix.lower() not in known:
        raise typer.BadParameter(f"{target}: cannot tell what to write; known are {' '.join(known)}")
    check_output(target, force)


def usual_model(steps: int | None, choice: float | None) -> str:
    """The model that these options are meant for."""
    return NEXT_LM if steps is None and choice is None else MASKED_LM


def sampling_of(
    model: LanguageModel,
    guided: bool,
    *,
    steps: int | None,
    choice: float | None,
    temperature: float | None,
    guidance: float | None,
    schedule: Schedule | None,
    top_k: int | None,
    top_p: float | None,
) -> SamplingConfig:
    """How to draw; what is None is as usual. NvcodecError for options that say nothing to a model of its kind."""
    from nvcodec.generate import SamplingConfig

    masked = {"steps": steps, "choice": choice}
    following = {"top_k": top_k, "top_p": top_p}
    foreign = following if model.objective == "masked" else masked
    given = [f"--{name.replace('_', '-')}" for name, value in foreign.items() if value is not None]
    if given:
        kind = "masked tokens" if model.objective == "masked" else "the next token"
        raise NvcodecError(f"{' and '.join(given)}: says nothing to a model that learnt {kind}")
    if guidance and not guided:
        raise NvcodecError("--guidance leans towards a class: name one with --class")
    w = (GUIDANCE if guided else 0.0) if guidance is None else guidance
    wanted = {**masked, **following, "temperature": temperature, "guidance": w, "schedule": schedule}
    return SamplingConfig(**{name: value for name, value in wanted.items() if value is not None})


def drawing_line(quiet: bool) -> AbstractContextManager[Count | None]:
    """Gives what is told the steps done and all steps; None when nobody could watch, or `quiet` asks for peace."""
    return counting_line("drawing", quiet, unit="steps", digits=1)


def tell_drawn(
    facts: dict[str, Any],
    text: str,
    model: LanguageModel,
    config: SamplingConfig,
    *,
    began: float,
    as_json: bool,
    quiet: bool,
) -> None:
    """Says what was drawn: `facts` for programs, among them output and warnings, and `text` for people."""
    print_warnings(facts["warnings"], quiet)
    size, took_s = model.description.size, time.perf_counter() - began
    if as_json:
        with_what = {"model": model.sha256, "sampling": dataclasses.asdict(config)}
        print_json({**facts, "width": size, "height": size, **with_what, "seconds": took_s})
    elif not quiet:
        print_summary(f"{text}, {size}x{size}, {took_s:.1f} s", to_stderr=is_pipe(facts["output"]))
