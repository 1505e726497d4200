"""`python -m nvcodec.benchmarks.quality CLIP… [--scale WxH] [--json FILE]`: rate and distortion in real files.

Example: `python -m nvcodec.benchmarks.quality carphone.mp4 bunny.mp4 --scale 320x180`

For every clip: nvcodec against x265 over the whole clip, and against JPEG on one frame. Sizes are those of the
files as they lie on the disk, with headers, index and checksums, without sound; both have one intra-coded frame.
PSNR is of RGB.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from nvcodec.benchmarks.psnr import pictures, rgb_psnr, to_rgb
from nvcodec.benchmarks.rivals import jpeg, x265

from nvcodec.media import MediaWriter, VideoFormat
from nvcodec.tokenizer.motion import STEP_FRAMES

QUALITIES = (1, 8, 16, 26, 40, 60)
STILL_QUALITIES = (15, 25, 35, 45, 55, 65)
CRFS = (51, 46, 42, 38, 34, 30, 26)
JPEG_QUALITIES = (1, 5, 10, 15, 20, 30, 50)


@dataclasses.dataclass(frozen=True)
class Point:
    """One coded file. `setting` is the coder's own word for quality."""

    coder: str
    setting: float
    bytes: int
    bits_per_pixel: float
    psnr: float


def video_points(clip: Path, scale: str, folder: Path, frames: int | None) -> list[Point]:
    """nvcodec's and x265's points on a clip."""
    source = folder / "source.y4m"
    originals = []
    with MediaWriter(source, _format(clip, scale)) as out:
        for picture, video in pictures(clip, frames, scale=scale):
            out.write(picture)
            originals.append(to_rgb(picture, video))
    points = []
    for quality in QUALITIES:
        size, decoded = _nvcodec(source, quality, len(originals), folder)
        points.append(_point("nvcodec", quality, size, originals, decoded))
    for crf in CRFS:
        stream = x265(source, crf, folder)
        points.append(_point("x265 slow", crf, stream.stat().st_size, originals, _rgb_of(stream)))
    return points


def still_points(clip: Path, scale: str, folder: Path, frame: int) -> list[Point]:
    """nvcodec's and JPEG's points on one frame of a clip."""
    picture, video = list(pictures(clip, frame + 1, scale=scale))[-1]
    source = folder / "still.y4m"
    with MediaWriter(source, _format(clip, scale)) as out:
        out.write(picture)
    original = to_rgb(picture, video)
    points = []
    for quality in STILL_QUALITIES:
        size, decoded = _nvcodec(source, quality, 1, folder)
        points.append(_point("nvcodec", quality, size, [original], decoded))
    for quality in JPEG_QUALITIES:
        size, after = jpeg(original, quality)
        points.append(_point("JPEG", quality, size, [original], [after]))
    return points


def bits_at(points: list[Point], coder: str, psnr: float) -> float | None:
    """The coder's bits per pixel at a PSNR, straight lines over log bits; None outside what was measured."""
    curve = sorted((p.psnr, np.log(p.bits_per_pixel)) for p in points if p.coder == coder)
    levels, logs = zip(*curve, strict=True)
    if not levels[0] <= psnr <= levels[-1]:
        return None
    return float(np.exp(np.interp(psnr, levels, logs)))


def _format(clip: Path, scale: str) -> VideoFormat:
    return next(iter(pictures(clip, 1, scale=scale)))[1]


def _nvcodec(source: Path, quality: int, frames: int, folder: Path) -> tuple[int, list[np.ndarray]]:
    import nvcodec

    coded, decoded = folder / "out.mgv", folder / "out.y4m"
    with open(coded, "wb") as file:
        gop = 1 + -(-(frames - 1) // STEP_FRAMES) * STEP_FRAMES  # one group, as x265 has one I-frame
        nvcodec.encode(source, file, nvcodec.EncodeOptions(quality=quality, gop=gop, audio=False))
    with open(coded, "rb") as file:
        nvcodec.decode(file, decoded)
    return coded.stat().st_size, _rgb_of(decoded)


def _rgb_of(path: Path) -> list[np.ndarray]:
    return [to_rgb(picture, video) for picture, video in pictures(path)]


def _point(coder: str, setting: float, size: int, before: list[np.ndarray], after: list[np.ndarray]) -> Point:
    pixels = sum(frame.shape[0] * frame.shape[1] for frame in before)
    psnr = rgb_psnr(zip(before, after, strict=True))
    return Point(coder, setting, size, round(8 * size / pixels, 5), round(psnr, 2))


def _print(title: str, points: list[Point], rival: str) -> None:
    print(
        f"\n{title}\n{'coder':<10} {'setting':>7} {'bytes':>8} {'bpp':>8} {'dB':>6}  {rival}'s bits at that dB"
    )
    for p in points:
        same = bits_at(points, rival, p.psnr) if p.coder == "nvcodec" else None
        ratio = "" if same is None else f"{p.bits_per_pixel / same:.2f} times {rival}'s"
        print(f"{p.coder:<10} {p.setting:>7g} {p.bytes:>8} {p.bits_per_pixel:>8.4f} {p.psnr:>6.2f}  {ratio}")


def main(show: Callable[[str, list[Point], str], None] = _print) -> None:
    """Parse the command line, measure, print tables."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.benchmarks.quality", description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    parser.add_argument("--scale", default="1", help="size to measure at, for example 320x180")
    parser.add_argument("--frames", type=int, help="at most so many frames")
    parser.add_argument("--still", type=int, default=20, help="the frame that is measured as a picture")
    parser.add_argument("--json", type=Path, help="write the points here too")
    arguments = parser.parse_args()
    results = {}
    for clip in arguments.clips:
        with tempfile.TemporaryDirectory() as folder:
            videos = video_points(clip, arguments.scale, Path(folder), arguments.frames)
            stills = still_points(clip, arguments.scale, Path(folder), arguments.still)
        show(f"{clip.name}, {arguments.scale}: video", videos, "x265 slow")
        show(f"{clip.name}, {arguments.scale}: frame {arguments.still}", stills, "JPEG")
        results[clip.name] = {
            "scale": arguments.scale,
            "video": [dataclasses.asdict(p) for p in videos],
            "still": [dataclasses.asdict(p) for p in stills],
        }
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
