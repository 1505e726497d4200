"""`nvcodec verify`: is the file whole?"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from nvcodec.errors import NvcodecError

from .losses import when_text
from .messages import count_text, print_json, print_summary, size_text
from .options import Coded, Debug, Json, Quiet
from .progress import progress_line
from .streams import name_of, open_coded

if TYPE_CHECKING:
    from nvcodec.bitstream import VerifyReport

Deep = Annotated[
    bool,
    typer.Option(
        "--deep",
        "--planes",
        help="Decode the bit-planes of every group, too, and check theirs: does this machine decode what was encoded?",
    ),
]


def verify(
    source: Coded, deep: Deep = False, as_json: Json = False, quiet: Quiet = False, debug: Debug = False
) -> None:
    """Check every checksum of a .mgv file. Names the first damaged chunk; no pixels are decoded."""
    with open_coded(source) as file:
        report = _checked_deep(file, quiet) if deep else _checked(file)
    if as_json:
        print_json(as_dict(report))
    if not report.whole:
        raise NvcodecError(f"{name_of(source)}: {damage_text(report)}")
    if not as_json and not quiet:
        print_summary(
            f"{name_of(source)}: whole; {size_text(report.bytes)}, {count_text(report.gops, 'GOP')}, "
            f"{count_text(report.frames, 'frame')}, {count_text(report.packets, 'packet')}, "
            f"{count_text(report.chunks, 'chunk')} with the right checksum"
            + ("; the planes are those that were encoded" if deep else "")
            + ("; SHA-256 of the whole right" if report.sha256 else "; the file has no SHA-256 of the whole")
        )


def _checked(file: BinaryIO) -> VerifyReport:
    from nvcodec.bitstream import verify as verify_file

    return verify_file(file)


def _checked_deep(file: BinaryIO, quiet: bool) -> VerifyReport:
    from nvcodec.codec import verify_deep

    with progress_line(quiet) as progress:
        return verify_deep(file, progress)


def damage_text(report: VerifyReport) -> str:
    """The first damage, what was lost by it, if that is known, and how much more there is."""
    more, first = len(report.damage) - 1, str(report.damage[0])
    lost = [loss for loss in getattr(report, "losses", ()) if loss.reason == first]
    text = f"{first}; {when_text(lost[0])}" if lost else first
    text += f"; and {count_text(more, 'damaged place')} after it" if more else ""
    if report.needs_package:
        from nvcodec.bitstream.reed_solomon import UNUSED

        return f"{text}; {UNUSED}"
    return text + ("; repairable: nvcodec repair brings back every byte" if report.repairable else "")


def as_dict(report: VerifyReport) -> dict[str, Any]:
    """The report for programs."""
    damage = [{"chunk": d.chunk, "offset": d.offset, "reason": d.reason} for d in report.damage]
    return (
        {"whole": report.whole}
        | dataclasses.asdict(dataclasses.replace(report, damage=()))
        | {"damage": damage}
    )
