"""GOPs coded side by side, each in a process of its own with one thread or a few.

A GOP needs nothing of another, and threads of one process get in each other's way: the entropy coder and NumPy
hold Python's lock. Only pictures go to a worker and only coded chunks come back.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from nvcodec.bitstream import GopChunk
from nvcodec.errors import NvcodecError
from nvcodec.media import Packet
from nvcodec.weights import load

from .gop_coding import Analysed
from .parts import InTheMaking, Part
from .rate_search import coded_gop
from .raw_gop import RawGop

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

MAX_WORKERS = 8
WAITING_BYTES = 256 << 20  # of pictures that all workers together may hold
WORTH_GOPS = 3  # a worker takes a second or two to start
POLL_S = 0.1
PARENT_POLL_S = 1.0

# For glibc, which gives the memory of large tensors back to the system after every layer: keeping it is 4 % faster.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 31)}


def worker_count(threads: int, gop_bytes: int, gops: int | None, device: str) -> int:
    """How many workers pay, 0 for none: one a thread, for GOPs of so many bytes of samples (`gops` of them)."""
    count = min(threads, MAX_WORKERS, WAITING_BYTES // gop_bytes, MAX_WORKERS if gops is None else gops)
    worth = device == "cpu" and count > 1 and (gops is None or gops >= WORTH_GOPS)
    return count if worth else 0


@dataclass(frozen=True)
class _PartInTheMaking:
    """A part whose GOP, if it has one, a worker codes."""

    packets: tuple[Packet, ...]
    gop: Future[GopChunk] | None

    def done(self) -> bool:
        return self.gop is None or self.gop.done()

    def result(self) -> Part[GopChunk, Packet]:
        return Part(self.packets, None if self.gop is None else self.gop.result())


def coded_by_workers(
    parts: Iterable[Part[RawGop, Packet]],
    model: str,
    workers: int,
    threads: int,
    analysed: Analysed,
    making: InTheMaking[Part[GopChunk, Packet]] | None = None,
) -> Iterator[Part[GopChunk, Packet]]:
    """The parts with their GOPs coded, in order, by `workers` processes of `threads` threads each.

    `analysed` is told of frames as they are done. The errors are those of `analysed_gop` and `chunk_of`, and
    NvcodecError when a worker dies. By `making`, parts can be had while `parts` waits.
    """
    from loky import ProcessPoolExecutor
    from loky.backend import get_context

    context = get_context("loky")  # starts afresh, and asks nothing of the program's main module
    done = context.SimpleQueue()
    begin = done, threads, os.getpid()
    pool = ProcessPoolExecutor(workers, context=context, initializer=_begin, initargs=begin, env=ALLOCATOR)
    making = InTheMaking() if making is None else making
    coding: deque[Future[GopChunk] | None] = deque()  # of each part in the making

    def finished() -> Part[GopChunk, Packet]:
        future = coding.popleft()
        while future is not None and not future.done():
            wait([future], timeout=POLL_S)
            _drain(done, analysed)
        _drain(done, analysed)
        return making.next()

    try:
        for part in parts:
            future = None if part.gop is None else pool.submit(_code, model, part.gop)
            coding.append(future)
            making.add(_PartInTheMaking(part.packets, future))
            del part  # its pictures are the worker's now
            while len(making) > workers:
                yield finished()
        while making:
            yield finished()
    except BrokenProcessPool as error:
        raise NvcodecError(
            "a worker process ended before its work was done, out of memory perhaps; --threads 1 needs none"
        ) from error
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def _drain(done: SimpleQueue[int], analysed: Analysed) -> None:
    while not done.empty():
        analysed(done.get())


_done: SimpleQueue[int] | None = None  # a worker's own way to say how far it is


def _begin(done: SimpleQueue[int], threads: int, parent: int) -> None:
    """A worker's first act."""
    global _done  # noqa: PLW0603 - what a process is given when it starts
    _done = done
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who stops its workers
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    """Ends a worker whose parent was killed, be it before the worker began; elsewhere than on POSIX none knows."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_S)
    os._exit(1)


def _code(model: str, gop: RawGop) -> GopChunk:
    """A worker's work."""
    assert _done is not None
    return coded_gop(load(model), gop, _done.put)
