"""`nvcodec concat`: several .mgv files as one, without coding them again."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from typing import Annotated

import typer

from nvcodec.errors import NvcodecError

from .messages import count_text, print_json, print_summary, size_text
from .options import CodedTarget, Debug, Force, Json, Quiet
from .streams import is_pipe, open_coded, open_output, refuse_same_file, refuse_two_outputs

Sources = Annotated[
    list[str], typer.Argument(metavar="FILE...", help=".mgv files, or their URLs.", show_default=False)
]


def concat(
    sources: Sources,
    target: CodedTarget,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Put .mgv files one after the other without coding them again.

    They must be of the same model, size, format, time base and kinds of tracks. Tags are the first file's.
    """
    refuse_two_outputs(target, as_json)
    for source in sources:
        if is_pipe(source):
            raise typer.BadParameter("only files can be put together, no pipe")
        refuse_same_file(source, target)
    with ExitStack() as stack:
        from nvcodec.bitstream import BitstreamError
        from nvcodec.bitstream import concat as concat_files

        files = [stack.enter_context(open_coded(source)) for source in sources]
        output = stack.enter_context(open_output(target, force))
        try:
            report = concat_files(files, output, sources)
        except BitstreamError as error:  # which names the file already
            raise NvcodecError(str(error)) from error
    if as_json:
        print_json({"inputs": sources, "output": str(target)} | dataclasses.asdict(report))
    elif not quiet:
        print_summary(
            f"{' + '.join(sources)} → {target}: {report.end_s:.3f} s, {count_text(report.gops, 'GOP')}, "
            f"{count_text(report.frames, 'frame')}, {size_text(report.bytes)}",
            to_stderr=is_pipe(target),
        )
