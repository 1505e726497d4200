"""GOPs coded side by side in processes: the same file as in one, in order, and errors that say what happened."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from nvcodec.bitstream import GopChunk

from nvcodec.codec import encode, workers
from nvcodec.codec.gop import GopQuality
from nvcodec.codec.options import EncodeOptions
from nvcodec.codec.parts import Part
from nvcodec.codec.reports import Progress
from nvcodec.codec.workers import RawGop, coded_by_workers, worker_count
from nvcodec.errors import NvcodecError
from nvcodec.media import MediaReader, Packet, Picture

from .support import BUNNY


def coded(threads: int, **options: object) -> tuple[bytes, list[Progress]]:
    file, told = io.BytesIO(), []
    encode(BUNNY, file, EncodeOptions(quality=20, gop=5, threads=threads, **options), told.append)  # type: ignore[arg-type]
    return file.getvalue(), told


def test_workers_write_the_file_that_one_process_writes() -> None:
    alone, _ = coded(1, duration_s=0.8, audio=False)  # with threads, FFmpeg meets sound earlier
    side_by_side, told = coded(2, duration_s=0.8, audio=False)
    assert side_by_side == alone
    assert max(progress.frames for progress in told) > 10
    assert [p.frames for p in told] == sorted(p.frames for p in told)


def test_short_input_large_pictures_and_other_devices_are_coded_in_this_process() -> None:
    assert worker_count(2, 1 << 20, None, "cpu") == worker_count(2, 1 << 20, 3, "cpu") == 2
    assert worker_count(4, 1 << 20, 3, "cpu") == 3
    assert worker_count(64, 1 << 20, None, "cpu") == workers.MAX_WORKERS
    for one in (
        worker_count(1, 1 << 20, None, "cpu"),
        worker_count(2, 1 << 20, 2, "cpu"),
        worker_count(2, workers.WAITING_BYTES // 2 + 1, None, "cpu"),
        worker_count(2, 1 << 20, None, "cuda"),
    ):
        assert one == 0


def gops() -> list[Part[RawGop, Packet]]:
    with MediaReader(BUNNY, duration_s=0.5) as media:
        pictures = [item for item in media.items() if isinstance(item, Picture)]
    return [Part((), RawGop(tuple(pictures[i : i + 5]), 8, GopQuality(30, 20))) for i in (0, 5)]


def run(parts: list[Part[RawGop, Packet]], model: str = "tiny") -> list[Part[GopChunk, Packet]]:
    return list(coded_by_workers(parts, model, 2, 1, lambda frames: None))


def test_an_error_in_a_worker_comes_out_as_itself() -> None:
    with pytest.raises(NvcodecError, match="there is no model 'none'"):
        run(gops(), "none")


def _die(model: str, gop: RawGop) -> GopChunk:
    os.kill(os.getpid(), signal.SIGTERM)
    raise AssertionError("not reached")


def test_a_worker_that_is_killed_is_an_error_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_code", _die)
    with pytest.raises(NvcodecError, match="--threads 1"):
        run(gops())


def test_parts_without_a_gop_keep_their_place() -> None:
    first, second = gops()
    made = run([Part((), None), first, Part((), None), second])
    assert [part.gop is None for part in made] == [True, False, True, False]
    assert made[1].gop is not None and first.gop is not None
    assert made[1].gop.pts == tuple(picture.pts for picture in first.gop.pictures)


ENDLESS = """
import itertools, sys
from nvcodec.codec.gop import GopQuality
from nvcodec.codec.parts import Part
from nvcodec.codec.workers import RawGop, coded_by_workers
from nvcodec.media import MediaReader, Picture
with MediaReader(sys.argv[1], duration_s=0.2) as media:
    pictures = tuple(item for item in media.items() if isinstance(item, Picture))
endless = itertools.repeat(Part((), RawGop(pictures, 8, GopQuality(30, 20))))
for part in coded_by_workers(endless, "tiny", 2, 1, lambda frames: None):
    print("coded", flush=True)
"""


def children(pid: int) -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.add(int(path.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("begun", [True, False], ids=["at work", "starting"])
def test_workers_do_not_outlive_a_parent_that_is_killed(begun: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(BUNNY)], stdout=subprocess.PIPE) as parent:
        if begun:
            assert parent.stdout is not None and parent.stdout.readline() == b"coded\n"
        while len(workers_of_it := children(parent.pid)) < 3:  # two, and who cleans up after them
            assert parent.poll() is None
            time.sleep(0.001)
        time.sleep(0 if begun else 0.2)  # for the parent to have told them what they are for
        parent.kill()
    until, left = time.monotonic() + 300, workers_of_it
    while left and time.monotonic() < until:
        time.sleep(0.2)
        left = {pid for pid in left if Path(f"/proc/{pid}").exists()}
    assert not left
