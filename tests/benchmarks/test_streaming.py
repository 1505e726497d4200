"""The benchmark of a long pipe: the video it makes, the memory it reads, and a very short run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from nvcodec.benchmarks.streaming import FRAME_BYTES, family, frame, measured, memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_the_video_moves_and_is_the_same_every_time() -> None:
    frames = [frame(number) for number in range(50)]
    assert {len(data) for data in frames} == {FRAME_BYTES} and len(set(frames)) == 50
    assert frames == [frame(number) for number in range(50)]


def test_memory_is_that_of_a_process_and_those_it_started() -> None:
    alone, most = memory(os.getpid())
    assert 0 < alone <= most
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdout.readline()
        assert child.pid in list(family(os.getpid()))
        assert memory(os.getpid())[0] > memory(child.pid)[0] > 0
        child.stdin.close()


def test_a_short_run_lets_all_frames_through() -> None:
    ((minutes, processes),) = measured(6 / 1500, ["--threads", "1"])
    assert minutes == 6 / 1500 and len(processes) == 2
    assert all(0 < now <= most for now, most in processes)
