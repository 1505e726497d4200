"""`python -m nvcodec.benchmarks.streaming [--minutes 30] [--threads N]`: memory of a long encode piped into a decode.

A pattern that moves, made on the fly, goes through `nvcodec encode - - | nvcodec decode - -` and is thrown away. What
each of the two holds, with the processes it started, is told when so much video has come out. Linux only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

WIDTH, HEIGHT, FRAMES_A_MINUTE = 96, 64, 25 * 60
MARKS = (1, 5, 15, 30, 60, 120)  # minutes of video
COMMAND = [sys.executable, "-m", "nvcodec"]
HEADER = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C420jpeg\n".encode()
FRAME_BYTES = len(b"FRAME\n") + WIDTH * HEIGHT * 3 // 2


def frame(number: int) -> bytes:
    """A frame of y4m: waves that run to the lower right, a square that goes its way, colour that changes slowly."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    luma = 110 + 60 * np.sin((x + 2 * number) / 9) + 40 * np.sin((y + number) / 7)
    top, left = 2 * number % (HEIGHT - 16), 3 * number % (WIDTH - 16)
    luma[top : top + 16, left : left + 16] = 16 + number * 7 % 220
    chroma = [np.full((HEIGHT // 2, WIDTH // 2), 128 + 60 * np.sin(number / pace)) for pace in (40, 63)]
    return b"FRAME\n" + b"".join(plane.astype(np.uint8).tobytes() for plane in (luma, *chroma))


def feed(pipe: IO[bytes], frames: int) -> None:
    """Writes the video; whoever reads it sets the pace."""
    with suppress(BrokenPipeError), pipe:
        pipe.write(HEADER)
        for number in range(frames):
            pipe.write(frame(number))


def memory(pid: int) -> tuple[int, int]:
    """Bytes that a process and those it started have in memory now, and had at most (each at its own time)."""
    now = most = 0
    for member in family(pid):
        with suppress(OSError):  # it has just ended
            status = Path(f"/proc/{member}/status").read_text(encoding="utf-8")
            sizes = dict(line.split(":", 1) for line in status.splitlines())
            if "VmRSS" in sizes:
                now += 1024 * int(sizes["VmRSS"].split()[0])
                most += 1024 * int(sizes["VmHWM"].split()[0])
    return now, most


def family(pid: int) -> Iterator[int]:
    """A process and all that it started, and they."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text(encoding="utf-8").split():
                yield from family(int(child))


def measured(minutes: float, options: Sequence[str]) -> Iterator[tuple[float, list[tuple[int, int]]]]:
    """Minutes of video that came out, and the memory of encoder and decoder then: at the marks and shortly before the
    end."""
    frames = round(minutes * FRAMES_A_MINUTE)
    marks = {round(mark * FRAMES_A_MINUTE): float(mark) for mark in MARKS if mark < minutes} | {frames: minutes}
    with subprocess.Popen(
        [*COMMAND, "encode", "-", "-", "--quiet", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as encoder:
        assert encoder.stdin is not None
        decode = [*COMMAND, "decode", "-", "-", "--container", "y4m", "--quiet", *options]
        with subprocess.Popen(decode, stdin=encoder.stdout, stdout=subprocess.PIPE) as decoder:
            assert encoder.stdout is not None and decoder.stdout is not None
            encoder.stdout.close()  # the decoder's now
            threading.Thread(target=feed, args=(encoder.stdin, frames), daemon=True).start()
            decoder.stdout.readline()
            for number in range(1, frames + 1):
                if len(decoder.stdout.read(FRAME_BYTES)) < FRAME_BYTES:
                    raise SystemExit(f"only {number - 1} of {frames} frames came out")
                if number in marks:
                    yield marks[number], [memory(process.pid) for process in (encoder, decoder)]
            if decoder.stdout.read() or encoder.wait() or decoder.wait():
                raise SystemExit("more came out than went in, or one of the two failed")


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.benchmarks.streaming", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    print("| minutes of video | encode, MB | at most | decode, MB | at most | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for minutes, processes in measured(arguments.minutes, ["--threads", str(arguments.threads)]):
        sizes = [f"{size / 1e6:.0f}" for process in processes for size in process]
        print(f"| {minutes:g} | {' | '.join(sizes)} | {time.monotonic() - began:.0f} |", flush=True)


if __name__ == "__main__":
    main()
