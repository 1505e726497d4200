"""`python -m nvcodec.benchmarks.thin CLIP [--frames N] [--quality Q]`: what thinning costs against encoding.

The clip is encoded at Q, thinned by one plane after the other, and encoded at the qualities of the thinned files and
some between. Rate counts whole files without sound; PSNR is of RGB against the clip. The last column is what thinning
loses at its own rate, by straight lines in the logarithm of the rate between the encodes.
"""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from nvcodec.benchmarks.psnr import pictures, rgb_psnr, to_rgb

from nvcodec.codec import DecodeOptions, EncodeOptions, decode, encode
from nvcodec.codec.thin import thin
from nvcodec.media import MediaWriter
from nvcodec.tokenizer.quantize import QUALITIES_PER_OCTAVE

Point = tuple[float, float]  # bits a pixel, dB


def measured(clip: Path, coded: bytes, folder: Path) -> Point:
    """Rate and distortion of a file made of `clip`."""
    shown = folder / "shown.mkv"
    shown.unlink(missing_ok=True)
    report = decode(io.BytesIO(coded), shown, DecodeOptions(lossless=True))
    pairs = zip(pictures(clip), pictures(shown), strict=True)
    psnr = rgb_psnr((to_rgb(*before), to_rgb(*after)) for before, after in pairs)
    return 8 * len(coded) / (report.frames * report.width * report.height), psnr


def encoded(clip: Path, quality: int) -> bytes:
    """The clip as a file."""
    file = io.BytesIO()
    encode(clip, file, EncodeOptions(quality=quality, audio=False))
    return file.getvalue()


def thinned(coded: bytes, planes: int) -> bytes:
    """The file with fewer planes."""
    file = io.BytesIO()
    thin(io.BytesIO(coded), file, planes=planes)
    return file.getvalue()


def table(clip: Path, quality: int, folder: Path) -> str:
    """In Markdown."""
    start = encoded(clip, quality)
    ladder = range(quality, 0, -QUALITIES_PER_OCTAVE // 2)
    curve = {q: measured(clip, start if q == quality else encoded(clip, q), folder) for q in ladder}
    rates, psnrs = (list(values) for values in zip(*sorted(curve.values()), strict=True))
    lines = [
        "| planes dropped | bpp | PSNR, dB | encoded at that rate, dB | lost, dB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for planes in range((quality - 1) // QUALITIES_PER_OCTAVE + 1):
        rate, psnr = measured(clip, thinned(start, planes), folder) if planes else curve[quality]
        if rate < rates[0]:  # nothing was encoded as small
            break
        other = float(np.interp(math.log(rate), np.log(rates), psnrs))
        lines.append(f"| {planes} | {rate:.4f} | {psnr:.2f} | {other:.2f} | {other - psnr:.2f} |")
    return "\n".join(lines)


def main(say: Callable[[str], None] = print) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.benchmarks.thin", description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=33)
    parser.add_argument("--quality", type=int, default=70)
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        part = Path(name, "part.mkv")
        taken = list(pictures(arguments.clip, arguments.frames))
        with MediaWriter(part, taken[0][1], lossless=True) as out:
            for picture, _ in taken:
                out.write(picture)
        say(table(part, arguments.quality, Path(name)))


if __name__ == "__main__":
    main()
