"""Programs that are watched: their memory is theirs alone, their errors are told, and they end when we do."""

from __future__ import annotations

import os
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from nvcodec.benchmarks.coders.process import ProgramFailed, Programs, reason_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows tells less of its processes")

MEGABYTE = 1 << 20
PYTHON = (sys.executable, "-S", "-c")


def test_peak_memory_is_the_program_s_and_not_ours() -> None:
    ours = np.ones(300 * MEGABYTE, np.uint8)
    small = Programs().run([*PYTHON, "pass"])
    large = Programs().run([*PYTHON, f"x = b'1' * {200 * MEGABYTE}"])
    assert ours[-1] == 1 and small.peak_bytes < 60 * MEGABYTE
    assert 200 * MEGABYTE < large.peak_bytes < 280 * MEGABYTE


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells of a program's children")
def test_what_a_program_starts_is_charged_to_it() -> None:
    each = f"x = b'1' * {100 * MEGABYTE}; import time; time.sleep(2)"
    code = f"import subprocess, sys; a = [subprocess.Popen([sys.executable, '-S', '-c', {each!r}]) for _ in range(2)]"
    ran = Programs().run([*PYTHON, f"{code}; [one.wait() for one in a]"])
    assert 200 * MEGABYTE < ran.peak_bytes < 280 * MEGABYTE


def test_output_and_time_are_told() -> None:
    code = "import sys, time; print('out'); print('err', file=sys.stderr); time.sleep(0.3)"
    ran = Programs().run([*PYTHON, code])
    assert (ran.stdout, ran.stderr) == ("out\n", "err\n") and ran.seconds >= 0.3


def test_a_program_that_fails_says_why() -> None:
    code = "import sys; print('Error: no such preset\\nframe 0', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ProgramFailed, match="Error: no such preset"):
        Programs().run([*PYTHON, code])
    with pytest.raises(ProgramFailed, match="ended without a word"):
        Programs().run([*PYTHON, "import os; os.kill(os.getpid(), 9)"])


def test_a_program_that_is_not_there_is_a_failure_too() -> None:
    with pytest.raises(ProgramFailed, match="No such file"):
        Programs().run(["/no/such/program"])


def test_what_a_program_said_of_its_fault_is_found_among_the_rest() -> None:
    assert reason_in("a\n[x] Invalid argument\nError while opening\nthe end\n") == "[x] Invalid argument"
    assert reason_in("a\nb\n") == "b" and reason_in("") == ""


def test_stopping_ends_a_program_and_what_it_started(tmp_path: Path) -> None:
    programs, failures = Programs(), []
    inner = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    outer = f"import subprocess, sys; subprocess.call([sys.executable, '-S', '-c', {inner!r}])"

    def watched() -> None:
        with pytest.raises(ProgramFailed):
            programs.run([*PYTHON, outer])
        failures.append(True)

    thread = threading.Thread(target=watched)
    thread.start()
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.05)
    programs.stop()
    thread.join(60)
    assert failures == [True]
    child = int((tmp_path / "pid").read_text())
    for _ in range(200):
        if not running(child):
            break
        time.sleep(0.05)
    assert not running(child)
    with pytest.raises(ProgramFailed, match="stopped"):
        programs.run([*PYTHON, "pass"])


def running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.mark.skipif(sys.platform != "linux", reason="no other system can hold a program to processors")
def test_a_program_runs_on_the_processors_of_its_place_and_no_more_than_there_are_places_run() -> None:
    first = min(os.sched_getaffinity(0))
    programs = Programs([[first]])
    ran = programs.run([*PYTHON, "import os; print(*os.sched_getaffinity(0))"])
    assert ran.stdout.split() == [str(first)]
    spans: list[tuple[float, float]] = []
    code = "import time; began = time.monotonic(); time.sleep(0.3); print(began, time.monotonic())"

    def timed() -> None:
        began, ended = programs.run([*PYTHON, code]).stdout.split()
        spans.append((float(began), float(ended)))

    threads = [threading.Thread(target=timed) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans.sort()
    assert len(spans) == 3 and all(one[1] <= two[0] for one, two in pairwise(spans))
