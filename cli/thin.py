"""`nvcodec thin`: a smaller .mgv file from a .mgv file, without encoding pictures again."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from .messages import count_text, print_json, print_summary, size_text
from .options import Coded, CodedTarget, Debug, Force, Json, Quiet
from .progress import progress_line
from .rates import parse_amount
from .streams import is_pipe, open_coded, open_output, refuse_same_file, refuse_two_outputs

Planes = Annotated[
    int | None,
    typer.Option("--planes", metavar="N", min=1, help="Drop the N lowest bit-planes.", show_default=False),
]
Bitrate = Annotated[
    str | None,
    typer.Option(
        "--bitrate",
        metavar="B",
        help="Pictures of each group take at most B bits a second: 200k, 1M.",
        show_default=False,
    ),
]


def thin(
    source: Coded,
    target: CodedTarget,
    planes: Planes = None,
    bitrate: Bitrate = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a .mgv file smaller without encoding its pictures again. Sound and subtitles stay as they are.

    Later pictures of a group were coded to fit finer ones before them, so they suffer more than by encoding at the
    lower rate from the original: where that is at hand, nvcodec encode is better.
    """
    refuse_two_outputs(target, as_json)
    if (planes is None) == (bitrate is None):
        raise typer.BadParameter("say how much to drop: --planes or --bitrate")
    rate = parse_amount(bitrate, "--bitrate", "not a bit rate")
    refuse_same_file(source, target)
    with open_coded(source) as file, open_output(target, force) as output:
        from nvcodec.codec.thin import thin as thin_file

        with progress_line(quiet) as progress:
            report = thin_file(file, output, planes, rate, progress)
    if as_json:
        print_json({"input": source, "output": str(target)} | dataclasses.asdict(report))
    elif not quiet:
        print_summary(
            f"{source} → {target}: {count_text(report.frames, 'frame')}, "
            f"{size_text(report.bytes_before)} → {size_text(report.bytes)}",
            to_stderr=is_pipe(target),
        )
