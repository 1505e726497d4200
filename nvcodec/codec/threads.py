"""How many threads PyTorch computes with, for as long as a piece of work lasts.

PyTorch keeps that number for the whole process, and again for each thread that has computed before. Several pieces of
work may go on at once, each in a thread of its own: what was set before the first of them is what all count from, and
what the last leaves behind.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nvcodec.errors import NvcodecError

_lock = threading.Lock()
_before = _users = 0  # the number that was set when the first of the users came


@contextmanager
def torch_threads(count: int) -> Iterator[int]:
    """Shares `count` threads (0: as many as PyTorch has) between pixels and planes; restores them afterwards.

    Gives how many there are. Where they are several, each side gets half: two threads that go their own way
    are faster than two that wait for each other after every layer.
    """
    global _before, _users  # noqa: PLW0603 - PyTorch's number, too, is the process's
    if count < 0:
        raise NvcodecError(f"{count} threads cannot be; 0 stands for all")
    with _lock:
        if not _users:
            _before = torch.get_num_threads()
        _users += 1
        before = _before
        total = count or before
        torch.set_num_threads(max(1, total // 2))
    try:
        yield total
    finally:
        with _lock:
            _users -= 1
            torch.set_num_threads(before)  # of this thread at least; a later one's own number is its own
