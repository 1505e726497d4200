"""Options that several commands share, each declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Device(StrEnum):
    """Where the networks run."""

    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


def parse_time(text: str, option: str) -> float:
    """Seconds, from "90", "1:30" or "0:01:30.5".

    >>> parse_time("1:01:30.5", "--start")
    3690.5

    Raises typer.BadParameter, which names `option`, for anything else.
    """
    seconds = 0.0
    try:
        parts = [float(part) for part in text.split(":")]
        if len(parts) > 3 or not all(0 <= part < 1e9 for part in parts):
            raise ValueError(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a time; 90, 1:30 and 0:01:30.5 are", param_hint=option
        ) from None
    for part in parts:
        seconds = seconds * 60 + part
    return seconds


def parse_part(start: str, duration: str | None) -> tuple[float, float | None]:
    """Seconds of `--start` and `--duration`. Raises typer.BadParameter for a part in which nothing can be."""
    duration_s = None if duration is None else parse_time(duration, "--duration")
    if duration_s == 0:
        raise typer.BadParameter("no picture is that short", param_hint="--duration")
    return parse_time(start, "--start"), duration_s


def _model_names(incomplete: str) -> list[str]:
    from nvcodec import weights

    return [model.name for model in weights.installed() if model.name.startswith(incomplete)]


Coded = Annotated[  # text: a path would make https:/ of https://
    str, typer.Argument(metavar="FILE", help="A .mgv file, its URL, or - for a pipe.", show_default=False)
]
CodedTarget = Annotated[Path, typer.Argument(metavar="OUT.mgv", help="- for a pipe.", show_default=False)]

Start = Annotated[str, typer.Option("--start", metavar="T", help="Begin at; seconds, M:S or H:M:S.")]
Duration = Annotated[
    str | None, typer.Option("--duration", metavar="T", help="Take as much.", show_default=False)
]

Scale = Annotated[
    str | None,
    typer.Option("--scale", metavar="WxH|FACTOR", help="Size of the pictures, such as 640x360 or 1/2."),
]
Gop = Annotated[
    int | None,
    typer.Option(
        "--gop",
        metavar="N",
        min=1,
        max=1021,
        help="Frames a group, which decodes by itself: 1 + 4k. Left out: 97, fewer for very large pictures.",
        show_default=False,
    ),
]

Lossless = Annotated[
    bool,
    typer.Option("--lossless", help="Keep every decoded bit: FFV1 in .mkv. Else H.264 that looks the same."),
]
DeviceName = Annotated[Device, typer.Option("--device", help="Where the networks run.")]
Threads = Annotated[int, typer.Option("--threads", metavar="N", min=0, help="CPU threads; 0: all.")]

Force = Annotated[bool, typer.Option("-f", "--force", help="Replace the output if it exists.")]
NoAudio = Annotated[bool, typer.Option("--no-audio", help="Leave the sound out.")]
ModelName = Annotated[
    str,
    typer.Option("--model", metavar="NAME", help="One of `nvcodec models`.", autocompletion=_model_names),
]

Json = Annotated[
    bool,
    typer.Option("--json", help="Results as JSON on standard output."),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", help="No progress, warnings or summary."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
