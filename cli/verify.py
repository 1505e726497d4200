"""`nvcodec verify`: is the file whole?"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nvcodec.errors import NvcodecError

from .messages import count_text, print_json, print_summary, size_text
from .options import Coded, Debug, Json, Quiet
from .streams import is_pipe, name_of, open_coded

if TYPE_CHECKING:
    from nvcodec.bitstream import VerifyReport

Planes = Annotated[
    bool,
    typer.Option(
        "--planes", help="Decode the bit-planes too and check theirs: is this machine's model the file's?"
    ),
]


def verify(
    source: Coded, planes: Planes = False, as_json: Json = False, quiet: Quiet = False, debug: Debug = False
) -> None:
    """Check every checksum of a .mgv file. Names the first damaged chunk; no pixels are decoded."""
    from nvcodec.bitstream import verify as verify_file

    if planes and is_pipe(source):
        raise typer.BadParameter("--planes reads the file twice; a pipe can be read once")
    with open_coded(source) as file:
        report = verify_file(file)
        if report.whole and planes:
            from nvcodec.codec import inspect

            file.seek(0)
            inspect(file)
    if as_json:
        print_json(as_dict(report))
    if not report.whole:
        raise NvcodecError(f"{name_of(source)}: {damage_text(report)}")
    if not as_json and not quiet:
        print_summary(
            f"{name_of(source)}: whole; {size_text(report.bytes)}, {count_text(report.gops, 'GOP')}, "
            f"{count_text(report.frames, 'frame')}, {count_text(report.packets, 'packet')}, "
            f"{count_text(report.chunks, 'chunk')} with the right checksum"
        )


def damage_text(report: VerifyReport) -> str:
    """The first damage, and how much more there is."""
    more = len(report.damage) - 1
    return str(report.damage[0]) + (f"; and {count_text(more, 'damaged place')} after it" if more else "")


def as_dict(report: VerifyReport) -> dict[str, Any]:
    """The report for programs."""
    damage = [{"chunk": d.chunk, "offset": d.offset, "reason": d.reason} for d in report.damage]
    return (
        {"whole": report.whole}
        | dataclasses.asdict(dataclasses.replace(report, damage=()))
        | {"damage": damage}
    )
