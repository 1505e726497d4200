"""`nvcodec tokens`: a video becomes an array of tokens, for people with models of their own, and back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nvcodec.errors import UnsupportedInput
from nvcodec.files import check_output

from .messages import count_text, print_json, print_summary, print_warnings
from .options import (
    Debug,
    Device,
    DeviceName,
    Duration,
    Force,
    Gop,
    Json,
    Lossless,
    ModelName,
    Quiet,
    Scale,
    Start,
    Threads,
    parse_part,
)
from .progress import progress_line
from .streams import PIPE, is_pipe, name_of, open_coded, open_output, refuse_same_file, refuse_two_outputs

if TYPE_CHECKING:
    from nvcodec.codec import Watcher
    from nvcodec.generate import TokenClip

Source = Annotated[
    str,
    typer.Argument(
        metavar="IN",
        help="A video, a .mgv file of encode --tokens or an .npz of this command; - for a pipe of any of them.",
        show_default=False,
    ),
]
Target = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        help="Of an .npz: .mgv, or anything decode writes. Of anything else: .npz. - for a pipe (Matroska or .npz).",
        show_default=False,
    ),
]
ARCHIVE = b"PK"  # as every zip file, such as an .npz, begins
HEAD_BYTES = 4  # enough to tell it, and a .mgv file, from a video


def tokens(
    source: Source,
    target: Target,
    gop: Gop = None,
    scale: Scale = None,
    start: Start = "0",
    duration: Duration = None,
    model: ModelName = "tiny",
    lossless: Lossless = False,
    force: Force = False,
    device: DeviceName = Device.CPU,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Turn a video into tokens, integers below 2^18 on a grid of 4 frames by 8 x 8 pixels, or tokens into a video.

    The .npz has tokens [T', h, w] uint32, times, size and the SHA-256 of the weights they are of. Sound has none.
    """
    refuse_two_outputs(target, as_json)
    start_s, duration_s = parse_part(start, duration)
    refuse_same_file(source, target)
    if not is_pipe(target):
        check_output(target, force)
    from nvcodec.bitstream.container import SIGNATURE

    head = _head(source)
    back = head.startswith(ARCHIVE)
    if not back and not is_pipe(target) and target.suffix.lower() != ".npz":
        raise typer.BadParameter(f"{target}: tokens of a video are written to an .npz, or -")
    with progress_line(quiet) as progress:
        if back:
            clip, warnings = _shown(source, target, lossless, force, device.value, threads, progress)
        else:
            with open_output(target, force) as file:
                from nvcodec.generate import clip_of_coded, clip_of_video, write_archive

                if head == SIGNATURE[:HEAD_BYTES]:
                    with open_coded(source) as coded:
                        clip = clip_of_coded(coded, progress)
                else:
                    clip = clip_of_video(
                        source,
                        model=model,
                        device=device.value,
                        gop=gop,
                        start_s=start_s,
                        duration_s=duration_s,
                        scale=scale,
                        threads=threads,
                        progress=progress,
                    )
                write_archive(clip, file)
            warnings = ()
    _tell(source, target, clip, warnings, as_json, quiet)


def _shown(
    source: str, target: Path, lossless: bool, force: bool, device: str, threads: int, progress: Watcher | None
) -> tuple[TokenClip, tuple[str, ...]]:
    """Writes the video, or the .mgv file, of an archive."""
    from nvcodec.generate import read_archive, write_coded, write_video

    try:
        with open_coded(source) as file:
            clip = read_archive(file)
    except UnsupportedInput as error:
        raise UnsupportedInput(f"{name_of(source)}: {error}") from error
    if target.suffix.lower() == ".mgv":
        with open_output(target, force) as coded:
            write_coded(clip, coded, progress)
        return clip, ()
    options = {"lossless": lossless, "replace": force, "device": device, "threads": threads, "progress": progress}
    return clip, write_video(clip, PIPE if is_pipe(target) else target, **options)


def _head(source: str) -> bytes:
    """The first bytes of a file or pipe, which stay to be read; none of what is no plain file, for FFmpeg to open."""
    if is_pipe(source):
        return sys.stdin.buffer.peek(HEAD_BYTES)[:HEAD_BYTES]  # type: ignore[attr-defined]
    if not os.path.isfile(source):
        return b""
    with open(source, "rb") as file:
        return file.read(HEAD_BYTES)


def _tell(source: str, target: Path, clip: TokenClip, warnings: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    print_warnings(warnings, quiet)
    latents, rows, columns = clip.tokens.shape
    if as_json:
        print_json(
            {
                "input": source,
                "output": str(target),
                "width": clip.video.width,
                "height": clip.video.height,
                "frames": clip.frames,
                "gops": len(clip.gops),
                "shape": [latents, rows, columns],
                "model": clip.model_sha256,
                "warnings": list(warnings),
            }
        )
    elif not quiet:
        print_summary(
            f"{source} → {target}: {clip.video.width}x{clip.video.height}, {count_text(clip.frames, 'frame')}, "
            f"{latents}x{rows}x{columns} tokens",
            to_stderr=is_pipe(target),
        )
