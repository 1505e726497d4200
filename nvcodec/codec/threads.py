"""How many threads PyTorch computes with, for as long as a piece of work lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nvcodec.errors import NvcodecError


@contextmanager
def torch_threads(count: int) -> Iterator[int]:
    """Shares `count` threads (0: as many as PyTorch has) between pixels and planes; restores them afterwards.

    Gives how many there are. Where they are several, each side gets half: two threads that go their own way
    are faster than two that wait for each other after every layer.
    """
    if count < 0:
        raise NvcodecError(f"{count} threads cannot be; 0 stands for all")
    before = torch.get_num_threads()
    total = count or before
    torch.set_num_threads(max(1, total // 2))
    try:
        yield total
    finally:
        torch.set_num_threads(before)
