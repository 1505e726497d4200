"""`nvcodec demo`: the whole way there and back on a clip that comes with the package."""

from __future__ import annotations

import dataclasses
import importlib.resources
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nvcodec.files import check_output

from .messages import print_json, print_warnings, size_text, speed_text
from .options import Debug, Device, DeviceName, Force, Json, Quiet, Threads
from .progress import progress_line
from .streams import open_output

if TYPE_CHECKING:
    from nvcodec.codec import DecodeReport, EncodeReport
    from nvcodec.media import MediaReader, Picture

CODED, DECODED, COMPARED = Path("demo.mgv"), Path("demo.decoded.mp4"), Path("demo.png")
PEAK = 255

Quality = Annotated[
    int, typer.Option("-q", "--quality", metavar="1..100", min=1, max=100, help="Higher is better.")
]


def demo(
    quality: Quality = 50,
    force: Force = False,
    device: DeviceName = Device.CPU,
    threads: Threads = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Encode and decode a clip that ships with nvcodec.

    Measures it and writes demo.mgv, demo.decoded.mp4 and demo.png (left the original, right the decoded
    picture) into this folder.
    """
    for path in (CODED, DECODED, COMPARED):
        check_output(path, force)
    from nvcodec.codec import DecodeOptions, EncodeOptions, decode, encode

    with importlib.resources.as_file(importlib.resources.files("nvcodec") / "assets" / "demo.mp4") as clip:
        with progress_line(quiet) as progress, open_output(CODED, force) as file:
            options = EncodeOptions(quality=quality, device=device.value, threads=threads)
            encoded = encode(clip, file, options, progress)
        with progress_line(quiet) as progress, open(CODED, "rb") as file:
            decoded = decode(file, DECODED, DecodeOptions(device=device.value, threads=threads), progress)
        psnr = compare(clip, DECODED, COMPARED)
        original_bytes = clip.stat().st_size
    print_warnings((*encoded.warnings, *decoded.warnings), quiet)
    if as_json:
        print_json(
            {"psnr": psnr, "encode": dataclasses.asdict(encoded), "decode": dataclasses.asdict(decoded)}
        )
    elif not quiet:
        print_results(original_bytes, encoded, decoded, psnr)


def compare(original: Path, decoded: Path, picture: Path) -> float:
    """PSNR of the luma in dB, over all frames together; draws the middle frame of both, side by side."""
    from nvcodec.media import MediaReader, MediaWriter

    with MediaReader(original, audio=False) as left, MediaReader(decoded, audio=False) as right:
        video = left.video
        middle = (left.frame_count or 1) // 2
        error = _SquaredError()
        with MediaWriter(picture, dataclasses.replace(video, width=2 * video.width)) as out:
            pairs = zip(pictures(left), pictures(right), strict=True)
            for number, (before, after) in enumerate(error.watching(pairs)):
                if number == middle:
                    out.write(side_by_side(before, after))
    return error.psnr()


def pictures(media: MediaReader) -> Iterator[Picture]:
    """The pictures alone."""
    from nvcodec.media import Picture

    return (item for item in media.items() if isinstance(item, Picture))


def side_by_side(left: Picture, right: Picture) -> Picture:
    """One picture of two, each as large as before. Their widths are even."""
    import numpy as np

    from nvcodec.media import Picture

    y, u, v = (np.hstack([getattr(left, plane), getattr(right, plane)]) for plane in ("y", "u", "v"))
    return Picture(left.pts, y, u, v)


class _SquaredError:
    """Sums the squared difference of luma over the pairs that pass."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._samples = 0

    def watching(self, pairs: Iterable[tuple[Picture, Picture]]) -> Iterator[tuple[Picture, Picture]]:
        for before, after in pairs:
            difference = before.y.astype("int32") - after.y
            self._sum += float((difference * difference).sum())
            self._samples += difference.size
            yield before, after

    def psnr(self) -> float:
        if self._sum == 0:
            return math.inf
        return 10 * math.log10(PEAK * PEAK * self._samples / self._sum)


def print_results(original_bytes: int, encoded: EncodeReport, decoded: DecodeReport, psnr: float) -> None:
    """The table for people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE, show_header=False)
    duration = f"{encoded.frames} frames, {encoded.duration_s:.2f} s"
    table.add_row("clip", f"Big Buck Bunny, {encoded.width}x{encoded.height}, {duration}")
    table.add_row("original", f"{size_text(original_bytes)} (H.264 and AAC)")
    table.add_row(
        "coded", f"{size_text(encoded.bytes)}, of which the pictures {size_text(encoded.video_bytes)}"
    )
    table.add_row("bits per pixel", f"{encoded.bits_per_pixel:.4f}")
    table.add_row("PSNR (luma)", f"{psnr:.2f} dB")
    table.add_row("encoding", speed_text(encoded.frames, encoded.seconds))
    table.add_row("decoding", speed_text(decoded.frames, decoded.seconds))
    table.add_row("written", f"{CODED}, {DECODED}, {COMPARED}")
    Console(highlight=False).print(table)
