"""Library calls in several threads at once: each does what it would do alone, and nothing stays changed."""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
import torch

from nvcodec.codec import DecodeOptions, EncodeOptions, decode, encode
from nvcodec.codec.threads import torch_threads
from nvcodec.weights import load, loading

from .support import BUNNY, CARPHONE

Result = TypeVar("Result")
JOBS: tuple[tuple[Path, EncodeOptions], ...] = (
    (BUNNY, EncodeOptions(duration_s=0.6, scale="80x44", gop=5, threads=1)),
    (CARPHONE, EncodeOptions(duration_s=0.4, scale="88x72", gop=9, threads=2)),
    (BUNNY, EncodeOptions(start_s=0.3, duration_s=0.6, scale="64x36", gop=5, quality=20, threads=2)),  # by workers
    (CARPHONE, EncodeOptions(duration_s=0.4, scale="44x36", quality=70, threads=0)),
)


@pytest.fixture
def three_threads() -> Iterator[None]:
    """PyTorch's number, set to one that is no default of a test machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def there_and_back(job: tuple[Path, EncodeOptions]) -> tuple[bytes, bytes]:
    """The coded file, and the pictures as y4m."""
    source, options = job
    coded, shown = io.BytesIO(), io.BytesIO()
    encode(source, coded, options)
    coded.seek(0)
    decode(coded, shown, DecodeOptions(container="y4m", threads=options.threads))
    return coded.getvalue(), shown.getvalue()


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """The results of calls in threads of their own, none of which begins before all are there."""
    barrier = threading.Barrier(len(calls))

    def call(function: Callable[[], Result]) -> Result:
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


@pytest.fixture(scope="module")
def in_turn() -> list[tuple[bytes, bytes]]:
    """What the jobs come to one after the other."""
    return [there_and_back(job) for job in JOBS]


@pytest.mark.parametrize("count", [2, 4])
def test_videos_coded_at_once_are_those_coded_in_turn(count: int, in_turn: list[tuple[bytes, bytes]]) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    before = torch.get_num_threads()
    made = at_once([lambda job=job: there_and_back(job) for job in JOBS[:count]])
    assert made == in_turn[:count]
    assert torch.get_num_threads() == at_once([torch.get_num_threads])[0] == before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.usefixtures("three_threads")
def test_who_comes_while_another_works_counts_from_the_same_number_and_the_last_leaves_it() -> None:
    inside, leave = threading.Event(), threading.Event()

    def long() -> tuple[int, int]:
        with torch_threads(1) as total:
            inside.set()
            leave.wait()
        return total, torch.get_num_threads()

    def during() -> tuple[int, int]:
        with torch_threads(0) as total:
            return total, torch.get_num_threads()

    with ThreadPoolExecutor(1) as other, ThreadPoolExecutor(1) as another:
        first = other.submit(long)
        inside.wait()
        assert another.submit(during).result() == (3, 1)
        with torch_threads(0) as total:  # outlasts the one that came first
            leave.set()
            assert first.result() == (1, 3)
            assert (total, torch.get_num_threads()) == (3, 1)
    assert torch.get_num_threads() == 3
    assert at_once([torch.get_num_threads]) == [3]


def test_a_model_that_two_load_at_once_is_the_same_to_both() -> None:
    loading._load.cache_clear()
    one, two = at_once([load, load])
    assert one.sha256 == two.sha256
    for name, weight in one.tokenizer.state_dict().items():
        assert torch.equal(weight, two.tokenizer.state_dict()[name])
