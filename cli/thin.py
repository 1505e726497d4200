"""`nvcodec thin`: a smaller .mgv file from a .mgv file, without encoding pictures again."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated

import typer

from .messages import count_text, print_json, print_summary, size_text
from .options import Coded, CodedTarget, Debug, Force, Json, Quiet
from .progress import progress_line
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
UNITS = {"": 1, "k": 1000, "m": 1_000_000}


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
    rate = None if bitrate is None else parse_bitrate(bitrate)
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


def parse_bitrate(text: str) -> float:
    """Bits a second, from "200000", "200k" or "1.5M".

    >>> parse_bitrate("1.5M")
    1500000.0

    Raises typer.BadParameter for anything else.
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([kKmM]?)", text)
    rate = float(found[1]) * UNITS[found[2].lower()] if found else 0.0
    if not rate:
        raise typer.BadParameter(f"{text!r} is not a bit rate; 200k and 1M are", param_hint="--bitrate")
    return rate
