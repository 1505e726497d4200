"""`python -m nvcodec.benchmarks.speed CLIP [--scale WxH] [-q N] [--threads N]`: frames a second, by stage, and memory.

Example: `python -m nvcodec.benchmarks.speed bunny.mp4 --scale 640x360 --repeat 5`

First every stage by itself over the clip, then `encode` and `decode` as users run them, each in a process of its
own with workers where it takes some, whose peak memory together is told. `--repeat` plays the clip several times
over, for longer runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from nvcodec.benchmarks.coders.process import Programs
from nvcodec.benchmarks.psnr import pictures
from nvcodec.bitstream import latent_frames
from torch import Tensor

from nvcodec.codec.coded_size import analyse_at_best_size
from nvcodec.codec.gop import decode_planes, encode_planes, planned_quality, synthesise
from nvcodec.codec.gop_size import grid_size
from nvcodec.media import MediaWriter, Picture, VideoFormat
from nvcodec.tokenizer.frames import from_planes, to_planes
from nvcodec.tokenizer.motion import STEP_FRAMES
from nvcodec.weights import load

GOP = 97


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds what happens inside to `name`."""
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


def stages(source: Path, quality: int, folder: Path) -> tuple[int, dict[str, float]]:
    """Frames of the clip, and seconds that each stage takes for all of them, one stage after the other."""
    watch, model = Stopwatch(), load()
    with watch.stage("read and decode (FFmpeg)"):
        read = list(pictures(source))
    video = read[0][1]
    with watch.stage("planes to tensors"):
        frames = [from_planes(p.y, p.u, p.v, video.bit_depth) for p, _ in read]
    size = grid_size(video.width, video.height)
    own = planned_quality(quality, latent_frames(GOP))
    analyse_at_best_size(model, _steps(frames[:9]), own)  # warm: the first call prepares the kernels
    out: list[Picture] = []
    for start in range(0, len(frames), GOP):
        part = frames[start : start + GOP]
        with watch.stage("motion and analysis (closed loops, all sizes)"):
            taken, chosen = analyse_at_best_size(model, _steps(part), own)
        with watch.stage("prior and ANS, encoding and checking"):
            coded = encode_planes(model, chosen, size, taken)
        with watch.stage("prior and ANS, decoding"):
            decoded = decode_planes(model, coded, size, len(chosen))
        with watch.stage("synthesis"):
            steps = list(synthesise(model, decoded, size, taken))
        with watch.stage("tensors to planes"):
            planes = [
                p for step in steps for p in to_planes(step, video.width, video.height, video.bit_depth)
            ]
            out += [
                Picture(p.pts, *three)
                for (p, _), three in zip(read[start : start + GOP], planes, strict=False)
            ]
    with watch.stage("encode and write (x264)"):
        _write(folder / "speed.mp4", video, out)
    return len(frames), watch.seconds


def whole(arguments: list[str]) -> tuple[dict[str, object], int]:
    """The JSON result of a command of its own, and the peak memory in bytes of all its processes together."""
    ran = Programs().run([sys.executable, "-m", "nvcodec", *arguments])
    return json.loads(ran.stdout), ran.peak_bytes


def _steps(frames: list[Tensor]) -> Iterator[Tensor]:
    yield torch.stack(frames[:1], dim=1)
    for start in range(1, len(frames), STEP_FRAMES):
        yield torch.stack(frames[start : start + STEP_FRAMES], dim=1)


def _write(path: Path, video: VideoFormat, shown: list[Picture]) -> None:
    with MediaWriter(path, video) as out:
        for picture in shown:
            out.write(picture)


def _prepare(clip: Path, scale: str, repeat: int, folder: Path) -> Path:
    """The clip at the size to be measured, as H.264 at high quality."""
    read = list(pictures(clip, scale=scale))
    step = read[1][0].pts - read[0][0].pts
    shown = (
        Picture((turn * len(read) + number) * step, p.y, p.u, p.v)
        for turn in range(repeat)
        for number, (p, _) in enumerate(read)
    )
    source = folder / "source.mp4"
    _write(source, read[0][1], list(shown))
    return source


def main(say: Callable[[str], None] = print) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.benchmarks.speed", description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--scale", default="1", help="size to measure at, for example 640x360")
    parser.add_argument("-q", "--quality", type=int, default=30)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeat", type=int, default=1, help="play the clip so many times over")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = _prepare(arguments.clip, arguments.scale, arguments.repeat, folder)
        frames, seconds = stages(source, arguments.quality, folder)
        say(f"{arguments.clip.name} at {arguments.scale}, {frames} frames, {arguments.threads} threads\n")
        for stage, spent in seconds.items():
            say(f"{stage:<40} {1000 * spent / frames:7.2f} ms a frame")
        coded, decoded = str(folder / "out.mgv"), str(folder / "out.mp4")
        options = ["--json", "--quiet", "--threads", str(arguments.threads)]
        for command in (
            ["encode", str(source), coded, "-q", str(arguments.quality), *options],
            ["decode", coded, decoded, *options],
        ):
            result, peak = whole(command)
            rate = float(str(result["frames"])) / float(str(result["seconds"]))
            say(f"nvcodec {command[0]:<32} {rate:7.1f} frames/s, peak memory {peak / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
