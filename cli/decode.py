"""`nvcodec decode`: a .mgv file becomes a video or pictures again."""

from __future__ import annotations

import dataclasses
import re
import sys
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

import typer

from nvcodec.errors import OutputExists
from nvcodec.files import check_output
from nvcodec.remote import is_remote

from .failures import DAMAGED
from .losses import print_losses
from .messages import count_text, print_json, print_summary, print_warnings, speed_text
from .options import (
    Coded,
    Debug,
    Device,
    DeviceName,
    Duration,
    Force,
    Json,
    Lossless,
    NoAudio,
    Quiet,
    Start,
    Threads,
    parse_part,
)
from .progress import progress_line
from .streams import (
    PIPE,
    given_up_when_interrupted,
    is_pipe,
    name_of,
    open_coded,
    refuse_same_file,
    refuse_terminal,
    refuse_two_outputs,
)

NUMBER = re.compile(r"%0?\d*d")  # the "%05d" of numbered pictures

Target = Annotated[
    Path | None,
    typer.Argument(
        metavar="OUT",
        help=".mp4, .mkv, .webm, .y4m, .png, frames-%05d.png, or - for a pipe of Matroska. "
        "Left out: FILE with the suffix .decoded.mp4.",
        show_default=False,
    ),
]
Container = Annotated[
    str | None,
    typer.Option(
        "--container",
        metavar="KIND",
        help="mp4, mov, matroska, webm, y4m or png, whatever OUT is called. A pipe takes matroska or y4m.",
        show_default=False,
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first damage and write nothing, instead of concealing it.")
]


def decode(
    source: Coded,
    target: Target = None,
    lossless: Lossless = False,
    start: Start = "0",
    duration: Duration = None,
    strict: Strict = False,
    container: Container = None,
    no_audio: NoAudio = False,
    force: Force = False,
    device: DeviceName = Device.CPU,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Decode a .mgv file to a video or pictures. Sound and subtitles are put back.

    Of a damaged file all that is whole is decoded; pictures that are lost are concealed, standard error says which,
    and the exit status is 3.
    """
    output = default_output(source, lossless) if target is None else target
    refuse_two_outputs(output, as_json)
    start_s, duration_s = parse_part(start, duration)
    check_target(source, output, force)
    with open_coded(source) as file:
        from nvcodec.codec import DecodeOptions
        from nvcodec.codec import decode as decode_video

        options = DecodeOptions(
            lossless=lossless,
            strict=strict,
            start_s=start_s,
            duration_s=duration_s,
            device=device.value,
            threads=threads,
            audio=not no_audio,
            container=container,
            replace=force,
        )
        waiting = given_up_when_interrupted() if is_pipe(output) else nullcontext()
        with progress_line(quiet) as progress, waiting:
            report = decode_video(file, PIPE if is_pipe(output) else output, options, progress)
    print_warnings(report.warnings, quiet)
    if as_json:
        print_json({"input": source, "output": str(output)} | dataclasses.asdict(report))
    elif not quiet:
        print_summary(
            f"{source} → {output}: {report.width}x{report.height}, {count_text(report.frames, 'frame')}, "
            f"{speed_text(report.frames, report.seconds)}",
            to_stderr=is_pipe(output),
        )
    if report.losses or report.damage:
        print_losses(name_of(source), report.losses, report.damage, "concealed")
        sys.stdout.flush()  # an error of which is another's to tell
        raise typer.Exit(DAMAGED)


def default_output(source: str, lossless: bool) -> Path:
    """Where the result goes when nobody says: "out.decoded.mp4" beside "out.mgv", and here for a URL."""
    if is_pipe(source):
        raise typer.BadParameter("say where to write what comes from the pipe: nvcodec decode - out.mp4")
    suffix = ".decoded.mkv" if lossless else ".decoded.mp4"
    if is_remote(source):
        return Path((PurePosixPath(urlsplit(source).path).stem.strip(".") or "out") + suffix)
    return Path(source).with_suffix(suffix)


def check_target(source: str, output: Path, force: bool) -> None:
    """Raises before any work is done when the output is in the way, or there is no place for it."""
    if is_pipe(output):
        refuse_terminal()
        return
    refuse_same_file(source, output)
    check_output(output, force)
    if not force and NUMBER.search(output.name):
        before, _, after = (
            re.escape(part) for part in NUMBER.sub("\0", output.name, count=1).partition("\0")
        )
        numbered = re.compile(f"{before}[0-9]+{after}")
        there = [path for path in output.absolute().parent.iterdir() if numbered.fullmatch(path.name)]
        if there:
            raise OutputExists(f"{output.with_name(min(there).name)} exists already")
