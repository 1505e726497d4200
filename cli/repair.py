"""`nvcodec repair`: a damaged or unfinished .mgv file, written anew."""

from __future__ import annotations

import dataclasses

from .losses import print_losses
from .messages import count_text, print_json, print_summary, print_warnings, size_text
from .options import Coded, CodedTarget, Debug, Force, Json, Quiet
from .streams import is_pipe, name_of, open_coded, open_output, refuse_same_file, refuse_two_outputs


def repair(
    source: Coded,
    target: CodedTarget,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write all that is whole of a damaged or unfinished .mgv file to a new one, with a new index.

    What is lost stays lost: the new file has a gap in its times there, and no decoder complains of it any more.
    """
    refuse_two_outputs(target, as_json)
    refuse_same_file(source, target)
    with open_coded(source) as file, open_output(target, force) as output:
        from nvcodec.bitstream import losses_of
        from nvcodec.bitstream import repair as repair_file
        from nvcodec.bitstream.reed_solomon import UNUSED

        report = repair_file(file, output)
    losses = losses_of(report.time_base, report.lost, report.damage.sound)
    damage = [str(error) for error in report.damage.errors]
    print_losses(name_of(source), losses, damage, "left out")
    if report.needs_package:
        print_warnings((f"{name_of(source)}: {UNUSED}; the new file has no parity",), quiet)
    if as_json:
        lost = {"losses": [dataclasses.asdict(loss) for loss in losses], "damage": damage}
        print_json({"input": source, "output": str(target)} | dataclasses.asdict(report.written) | lost)
    elif not quiet:
        written = report.written
        found = "repaired" if damage or losses or report.restored_bytes else "nothing was damaged"
        print_summary(
            f"{source} → {target}: {found}; {count_text(written.gops, 'GOP')}, "
            f"{count_text(written.frames, 'frame')}, {count_text(written.packets, 'packet')}, "
            f"{size_text(written.bytes)}",
            to_stderr=is_pipe(target),
        )
