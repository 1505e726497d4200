"""The machine that measures: what it is called, and how its processors are shared out."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path


def processors() -> list[int]:
    """Numbers of those that this process may use."""
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def machine_name() -> str:
    """Processor, how many of them, system."""
    count = len(processors())
    system = f"{platform.system()} {platform.machine()}"
    return f"{_processor()}, {count} core{'s' * (count != 1)}, {system}"


def places(jobs: int, threads: int) -> list[list[int]]:
    """For each of `jobs` programs at a time, `threads` processors of its own; all share all where there are too few."""
    free = processors()
    if jobs * threads > len(free):
        return [[] for _ in range(jobs)]
    return [free[job * threads : (job + 1) * threads] for job in range(jobs)]


def _processor() -> str:
    try:
        named = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        named = None
    return named[1] if named else platform.processor() or platform.machine()
