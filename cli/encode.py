"""`nvcodec encode`: a video or picture becomes a .mgv file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .messages import count_text, print_json, print_summary, print_warnings, size_text, speed_text
from .options import (
    Debug,
    Device,
    DeviceName,
    Duration,
    Force,
    Json,
    ModelName,
    NoAudio,
    Quiet,
    Start,
    Threads,
    parse_part,
)
from .progress import progress_line
from .streams import is_pipe, open_output, refuse_same_file, refuse_two_outputs

if TYPE_CHECKING:
    from nvcodec.codec import EncodeReport

Source = Annotated[
    str,
    typer.Argument(
        metavar="IN",
        help="Anything FFmpeg reads, a still picture too; - for a pipe of y4m or Matroska.",
        show_default=False,
    ),
]
Target = Annotated[
    Path | None,
    typer.Argument(
        metavar="OUT.mgv", help="Left out: IN with the suffix .mgv; - for a pipe.", show_default=False
    ),
]
Quality = Annotated[
    int, typer.Option("-q", "--quality", metavar="1..100", min=1, max=100, help="Higher is better.")
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
Tokens = Annotated[
    bool,
    typer.Option("--tokens", help="Code the 18 sign planes alone, the tokens, instead of the best picture."),
]
Scale = Annotated[
    str | None,
    typer.Option("--scale", metavar="WxH|FACTOR", help="Size of the pictures, such as 640x360 or 1/2."),
]


def encode(
    source: Source,
    target: Target = None,
    quality: Quality = 50,
    gop: Gop = None,
    tokens: Tokens = False,
    model: ModelName = "tiny",
    start: Start = "0",
    duration: Duration = None,
    scale: Scale = None,
    no_audio: NoAudio = False,
    force: Force = False,
    device: DeviceName = Device.CPU,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Encode a video or a still picture to .mgv. Sound, subtitles, colour and times are kept."""
    output = default_output(source) if target is None else target
    refuse_two_outputs(output, as_json)
    start_s, duration_s = parse_part(start, duration)
    refuse_same_file(source, output)
    with open_output(output, force) as file:  # before the slow imports: what is wrong with it is said at once
        from nvcodec.codec import EncodeOptions
        from nvcodec.codec import encode as encode_video

        options = EncodeOptions(
            quality=quality,
            gop=gop,
            tokens=tokens,
            model=model,
            device=device.value,
            threads=threads,
            start_s=start_s,
            duration_s=duration_s,
            scale=scale,
            audio=not no_audio,
        )
        with progress_line(quiet) as progress:
            report = encode_video(source, file, options, progress)
    print_warnings(report.warnings, quiet)
    if as_json:
        print_json({"input": source, "output": str(output)} | dataclasses.asdict(report))
    elif not quiet:
        print_summary(summary(source, output, report), to_stderr=is_pipe(output))


def default_output(source: str) -> Path:
    """Where the result goes when nobody says: "in.mgv" beside "in.mp4", and here for a URL."""
    if is_pipe(source):
        raise typer.BadParameter("say where to write what comes from the pipe: nvcodec encode - out.mgv")
    if "://" in source:
        return Path(Path(source.partition("?")[0]).name or "out").with_suffix(".mgv")
    return Path(source).with_suffix(".mgv")


def summary(source: str, output: Path, report: EncodeReport) -> str:
    """One line for people."""
    return (
        f"{source} → {output}: {report.width}x{report.height}, {count_text(report.frames, 'frame')}, "
        f"{size_text(report.bytes)}, {report.bits_per_pixel:.4f} bits per pixel, "
        f"{speed_text(report.frames, report.seconds)}"
    )
