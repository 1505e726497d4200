"""`nvcodec encode`: a video or picture becomes a .mgv file."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nvcodec.partial import check_resumable

from .messages import count_text, print_json, print_summary, print_warnings, size_text, speed_text
from .options import (
    Debug,
    Device,
    DeviceName,
    Duration,
    Force,
    Gop,
    Json,
    ModelName,
    NoAudio,
    Quiet,
    Scale,
    Start,
    Threads,
    parse_part,
)
from .parity import Parity, parse_parity
from .progress import progress_line
from .rates import Bitrate, Region, TargetSize, TargetVmaf, parse_amount, parse_roi, refuse_two_rates
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
    int | None,
    typer.Option(
        "-q",
        "--quality",
        metavar="1..100",
        min=1,
        max=100,
        help="Higher is better. Left out: 50.",
        show_default=False,
    ),
]
Effort = Annotated[
    int,
    typer.Option(
        "--effort", metavar="0..9", min=0, max=9, help="Time spent on saving bits: 0 is fastest, 9 slowest."
    ),
]
Tokens = Annotated[
    bool,
    typer.Option("--tokens", help="Code the 18 sign planes alone, the tokens, instead of the best picture."),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with OUT.mgv.part of an encode that was stopped, or begin one that can be."),
]


def encode(
    source: Source,
    target: Target = None,
    quality: Quality = None,
    bitrate: Bitrate = None,
    target_size: TargetSize = None,
    target_vmaf: TargetVmaf = None,
    roi: Region = None,
    effort: Effort = 3,
    gop: Gop = None,
    tokens: Tokens = False,
    parity: Parity = None,
    model: ModelName = "tiny",
    start: Start = "0",
    duration: Duration = None,
    scale: Scale = None,
    no_audio: NoAudio = False,
    force: Force = False,
    resume: Resume = False,
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
    share = parse_parity(parity)
    rate, size = parse_amount(bitrate, "--bitrate"), parse_amount(target_size, "--target-size")
    refuse_two_rates(quality, rate, size, target_vmaf)
    if resume and (rate, size, target_vmaf) != (None, None, None):
        raise typer.BadParameter("--resume goes with -q, not with a rate, size or VMAF to be met")
    refuse_same_file(source, output)
    if resume:
        check_resumable(source, output)
    # Before the slow imports: what is wrong with the output is said at once.
    with nullcontext() if resume else open_output(output, force) as file:
        from nvcodec.codec import EncodeOptions
        from nvcodec.codec import encode as encode_video
        from nvcodec.codec.resume import encode_resumably

        options = EncodeOptions(
            quality=50 if quality is None else quality,
            bitrate=rate,
            target_size=size,
            target_vmaf=target_vmaf,
            roi=parse_roi(roi),
            effort=effort,
            gop=gop,
            tokens=tokens,
            model=model,
            device=device.value,
            threads=threads,
            start_s=start_s,
            duration_s=duration_s,
            scale=scale,
            audio=not no_audio,
            parity=share,
        )
        with progress_line(quiet) as progress:
            if file is None:
                report = encode_resumably(source, output, options, progress, force)
            else:
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
