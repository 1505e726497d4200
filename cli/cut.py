"""`nvcodec cut`: a part of a .mgv file, without coding it again."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import typer

from .messages import count_text, print_json, print_summary, size_text
from .options import Coded, CodedTarget, Debug, Duration, Force, Json, Quiet, Start, parse_part
from .streams import is_pipe, open_coded, open_output, refuse_same_file, refuse_two_outputs


def cut(
    source: Coded,
    target: CodedTarget,
    start: Start = "0",
    duration: Duration = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Cut a part out of a .mgv file without coding it again.

    Only whole groups of pictures can be taken, so the part begins at or before --start, at the beginning of a group,
    and ends at or after its end; the summary says where. nvcodec decode --start --duration is exact to the picture.
    """
    refuse_two_outputs(target, as_json)
    start_s, duration_s = parse_part(start, duration)
    if not start_s and duration_s is None:
        raise typer.BadParameter("say what to take: --start, --duration or both")
    refuse_same_file(source, target)
    with open_coded(source) as file, open_output(target, force) as output:
        from nvcodec.bitstream import cut as cut_file

        until = None if duration_s is None else Fraction(str(duration_s))
        report = cut_file(file, output, Fraction(str(start_s)), until)
    if as_json:
        print_json({"input": source, "output": str(target)} | dataclasses.asdict(report))
    elif not quiet:
        print_summary(
            f"{source} → {target}: from {report.start_s:.3f} s to {report.end_s:.3f} s, "
            f"{count_text(report.gops, 'GOP')}, {count_text(report.frames, 'frame')}, {size_text(report.bytes)}",
            to_stderr=is_pipe(target),
        )
