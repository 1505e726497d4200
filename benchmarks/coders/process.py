"""Runs the programs that are measured: their output, time and peak memory, and an end to them all when we must stop."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nvcodec.errors import NvcodecError

LAUNCHER = Path(__file__).with_name("launcher.py")
REASON_LETTERS = 300


class ProgramFailed(NvcodecError):
    """A program that codes or measures ended with an error, or did not give what it should."""


@dataclass(frozen=True)
class Ran:
    """A program that ended well. `seconds` from its start to its end; `peak_bytes` 0 where not known."""

    stdout: str
    stderr: str
    seconds: float
    peak_bytes: int


class Programs:
    """Runs programs, from any thread; `stop` ends those that run and lets no more begin.

    `places`: as many programs run at a time as there are, each on the processors that its place names (Linux alone
    can hold it to them), or on all where it names none.
    """

    def __init__(self, places: Sequence[Sequence[int]] = ((),)) -> None:
        self._places: queue.Queue[str] = queue.Queue()
        for cpus in places:
            self._places.put(",".join(map(str, cpus)) or "-")
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Ran:
        """Run a command to its end. ProgramFailed, with what it said of it, when that is not a good one."""
        place = self._places.get()
        try:
            return self._run(place, command, environment or {})
        finally:
            self._places.put(place)

    def _run(self, cpus: str, command: Sequence[str], environment: Mapping[str, str]) -> Ran:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            with self._lock:
                if self._stopped:
                    raise ProgramFailed("stopped")
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(LAUNCHER), str(report), cpus, *command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    env={**os.environ, **environment},
                    start_new_session=True,  # so that all it starts can be ended with it
                )
                self._running.add(process)
            try:
                stdout, stderr = process.communicate()
            finally:
                with self._lock:
                    self._running.discard(process)
            if process.returncode:
                raise ProgramFailed(f"{Path(command[0]).stem}: {reason_in(stderr) or 'ended without a word'}")
            took = json.loads(report.read_text(encoding="utf-8"))
        return Ran(stdout, stderr, took["seconds"], took["peak_bytes"])

    def stop(self) -> None:
        """End what is running."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                with suppress(ProcessLookupError):
                    if sys.platform == "win32":
                        process.kill()
                    else:
                        os.killpg(process.pid, signal.SIGKILL)


def reason_in(text: str) -> str:
    """The line of a program's messages that says what went wrong: the first that speaks of a fault, or the last.

    >>> reason_in("opening\\nno such preset: Invalid argument\\nError while opening\\nConversion failed!")
    'no such preset: Invalid argument'
    """
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.search("error|invalid|cannot|unknown|out of range", line, re.IGNORECASE)]
    return (telling[:1] or lines[-1:] or [""])[0][:REASON_LETTERS]
