"""Runs a command and tells its peak memory: `launcher.py REPORT CPUS COMMAND…`, in a Python with nothing else in it.

On Linux a process's peak counts that of the process it was forked from; this one is small, so what it reports is the
command's. A command that starts processes of its own is charged with all of them together: on Linux, where that can
be seen, the largest sum of their shares (PSS) at any look. REPORT becomes JSON: {"seconds", "peak_bytes"}, the
latter 0 where the system does not tell. CPUS are the numbers, with commas between, of the processors the command may
use; "-" for all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

LOOK_S = 0.1


def main() -> int:
    """The command's exit status, negative for a signal."""
    report, cpus, *command = sys.argv[1:]
    if cpus != "-" and sys.platform == "linux":
        os.sched_setaffinity(0, [int(cpu) for cpu in cpus.split(",")])
    began = time.perf_counter()
    peak = 0
    if sys.platform == "win32":
        status = subprocess.call(command)
    else:
        child = os.posix_spawnp(command[0], command, os.environ)
        family = Family()
        family.start()
        _, waited, usage = os.wait4(child, 0)
        family.over.set()
        status = os.waitstatus_to_exitcode(waited)
        peak = max(family.peak, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    with open(report, "w", encoding="utf-8") as file:
        json.dump({"seconds": time.perf_counter() - began, "peak_bytes": peak}, file)
    return status


class Family(threading.Thread):
    """Watches the processes of this session for more than one besides this: `peak` bytes of them together, or 0."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over, self.peak = threading.Event(), 0

    def run(self) -> None:
        """Look now and then, until it is over."""
        while sys.platform == "linux" and not self.over.wait(LOOK_S):
            members = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_member(pid)]
            if len(members) > 1:
                self.peak = max(self.peak, sum(map(share_bytes, members)))

    @staticmethod
    def _is_member(pid: int) -> bool:
        try:
            return pid != os.getpid() and os.getsid(pid) == os.getsid(0)
        except OSError:  # it is gone
            return False


def share_bytes(pid: int) -> int:
    """A process's memory, pages it shares divided among those that share them; 0 for one that is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return next((1024 * int(line.split()[1]) for line in file if line.startswith(b"Pss:")), 0)
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main() & 0xFF)
