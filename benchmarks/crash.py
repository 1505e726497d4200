"""`python -m nvcodec.benchmarks.crash CLIP [--points N] [--seed S]`: encodes that are killed and gone on with.

Each of N encodes is killed by SIGKILL at a random moment, when so many bytes have been written or so much time has
gone by. There must be no output then, or the whole one. The same command is given again, of those with `--resume`
every second one is killed again, and the third time there must be nothing but the output, to the byte that of an
encode in one go. Three of four encodes are with `--resume`, one of eight is with two worker processes
(`--threads 2`). The clip is coded at 64x36, in groups of 5 frames.

Each encode is the command in a fork of this process, which has PyTorch loaded: so it is not killed while that loads.
POSIX only.
"""

from __future__ import annotations

import argparse
import os
import random
import runpy
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

OPTIONS = ("--gop", "5", "--scale", "64x36", "--quiet")
OUT, ERRORS = "out.mgv", "errors.txt"
POLL_S = 0.0005
WITH_WORKERS, WITH_RESUME, KILLED_AGAIN = 0.125, 0.75, 0.5


@dataclass(frozen=True)
class Encode:
    """The command that is killed."""

    clip: Path
    threads: int
    resume: bool

    @property
    def arguments(self) -> list[str]:
        """To be run in the folder of its output."""
        options = [*OPTIONS, "--threads", str(self.threads), *(["--resume"] if self.resume else [])]
        return ["nvcodec", "encode", str(self.clip), OUT, *options]

    def written(self, folder: Path) -> int:
        """Bytes of the file that is growing, which is hidden without `--resume`."""
        sizes = [0]
        for path in folder.glob(f"{OUT}.part" if self.resume else f".{Path(OUT).stem}.*{Path(OUT).suffix}"):
            with suppress(FileNotFoundError):  # it has just got its name
                sizes.append(path.stat().st_size)
        return max(sizes)

    def __str__(self) -> str:
        return f"--threads {self.threads}{' --resume' if self.resume else ''}"


class Running:
    """An encode in a process of its own; what it says is in the file ERRORS beside `folder`."""

    def __init__(self, encode: Encode, folder: Path) -> None:
        self.status: int | None = None  # as `subprocess` has it, once it has ended
        self._pid = os.fork()
        if not self._pid:
            _become(encode, folder)

    def poll(self) -> bool:
        """Whether it has ended."""
        if self.status is None:
            self._note(os.waitpid(self._pid, os.WNOHANG))
        return self.status is not None

    def wait(self) -> int:
        """Its status, when it has ended."""
        if self.status is None:
            self._note(os.waitpid(self._pid, 0))
        assert self.status is not None
        return self.status

    def kill(self) -> bool:
        """Whether it had not ended yet."""
        if not self.poll():
            os.kill(self._pid, signal.SIGKILL)
        return self.wait() == -signal.SIGKILL

    def _note(self, waited: tuple[int, int]) -> None:
        pid, status = waited
        if pid:
            self.status = os.waitstatus_to_exitcode(status)


def _become(encode: Encode, folder: Path) -> None:
    """Does the encode, and ends this process."""
    status = 1
    try:
        os.chdir(folder)
        os.dup2(os.open(folder.parent / ERRORS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), sys.stderr.fileno())
        sys.argv = encode.arguments
        runpy.run_module("nvcodec", run_name="__main__")
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    finally:
        os._exit(status)


@dataclass(frozen=True)
class Whole:
    """An encode in one go: its file, and how long it took."""

    data: bytes
    seconds: float


@dataclass(frozen=True)
class Moment:
    """When to kill: as soon as so many bytes are written, or so many seconds have gone by."""

    size: int | None = None
    seconds: float | None = None

    @classmethod
    def at_random(cls, rng: random.Random, whole: Whole) -> Moment:
        """One of the two, anywhere in an encode in one go."""
        if rng.random() < 0.5:
            return cls(size=rng.randrange(1, len(whole.data)))
        return cls(seconds=rng.uniform(0, whole.seconds))

    def has_come(self, size: int, seconds: float) -> bool:
        """Whether it is time."""
        return (self.size is not None and size >= self.size) or (self.seconds is not None and seconds >= self.seconds)

    def __str__(self) -> str:
        return f"{self.size} bytes" if self.seconds is None else f"{self.seconds:.2f} s"


@dataclass(frozen=True)
class Outcome:
    """How often the encode was killed (0 where it was done before), and what was wrong in the end, if anything."""

    kills: int
    wrong: str = ""


def in_one_go(encode: Encode, folder: Path) -> Whole:
    """Nobody kills it."""
    began = time.monotonic()
    if Running(encode, folder).wait():
        sys.exit((folder.parent / ERRORS).read_text())
    return Whole((folder / OUT).read_bytes(), time.monotonic() - began)


def killed(encode: Encode, moment: Moment, folder: Path) -> bool:
    """Whether the encode was still going on at the moment when it was to be killed."""
    began, running = time.monotonic(), Running(encode, folder)
    while not running.poll() and not moment.has_come(encode.written(folder), time.monotonic() - began):
        time.sleep(POLL_S)
    return running.kill()


def outcome(encode: Encode, moments: Iterable[Moment], whole: Whole, folder: Path) -> Outcome:
    """What comes of an encode that is killed at the moments one after the other, and then gone on with to its end."""
    out, kills = folder / OUT, 0
    for moment in moments:
        if not out.exists():
            kills += killed(encode, moment, folder)
        if out.exists() and out.read_bytes() != whole.data:
            return Outcome(kills, "a killed encode left an output that is not whole")
    if not out.exists():
        if Running(encode, folder).wait():
            return Outcome(kills, (folder.parent / ERRORS).read_text().strip() or "failed")
        if encode.resume and (left := sorted(path.name for path in folder.iterdir() if path != out)):
            return Outcome(kills, f"left: {', '.join(left)}")
    return Outcome(kills, "" if out.read_bytes() == whole.data else "other bytes than in one go")


def main() -> None:
    """Parse the command line, kill, go on, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.benchmarks.crash", description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    clip = arguments.clip.absolute()  # each encode runs in a folder of its own
    import_module("nvcodec.codec")  # and with it PyTorch, for all the forks
    rng, found = random.Random(arguments.seed), Counter[tuple[Encode, int]]()
    wrong = Counter[Encode]()
    wholes: dict[int, Whole] = {}
    for threads in (1, 2):  # where sound lies in a file depends on them
        with _folder() as folder:
            wholes[threads] = in_one_go(Encode(clip, threads, resume=False), Path(folder, "new"))
    for point in range(arguments.points):
        threads = 2 if rng.random() < WITH_WORKERS else 1
        encode = Encode(clip, threads, resume=rng.random() < WITH_RESUME)
        whole = wholes[encode.threads]
        again = encode.resume and rng.random() < KILLED_AGAIN
        moments = [Moment.at_random(rng, whole) for _ in range(1 + again)]
        with _folder() as folder:
            result = outcome(encode, moments, whole, Path(folder, "new"))
        found[encode, result.kills] += 1
        wrong[encode] += bool(result.wrong)
        at = " and ".join(map(str, moments))
        print(f"{point + 1}: {encode}, at {at}: {result.kills} kills, {result.wrong or 'equal'}", flush=True)
    print("\n| encode | points | killed once | killed twice | done before | wrong |")
    print("| --- | --- | --- | --- | --- | --- |")
    for encode in sorted(wrong, key=str):
        counts = [found[encode, kills] for kills in (1, 2, 0)]
        print(f"| `{encode}` | {sum(counts)} | {' | '.join(map(str, counts))} | {wrong[encode]} |")
    sys.exit(any(wrong.values()))


def _folder() -> tempfile.TemporaryDirectory[str]:
    """A new folder, with the folder "new" in it for an output and what comes beside it."""
    folder = tempfile.TemporaryDirectory()
    Path(folder.name, "new").mkdir()
    return folder


if __name__ == "__main__":
    main()
