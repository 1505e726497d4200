"""A file that is fetched in ranges reads like any other, and costs little more than what is read of it."""

from __future__ import annotations

import io
import random
import uuid

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec import remote
from nvcodec.errors import NvcodecError, UnsupportedInput
from nvcodec.remote import AHEAD_BYTES, AHEAD_SHARE, BLOCK_BYTES, FETCHED_BLOCKS, KEPT_BLOCKS, RemoteFile, open_remote

DATA = random.Random(0).randbytes(40 * BLOCK_BYTES + 123)


class Ranges(io.BytesIO):
    """The other side: gives ranges, and keeps where and how much."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.given: list[tuple[int, int]] = []

    def read(self, size: int | None = -1) -> bytes:
        begin = self.tell()
        data = super().read(size)
        self.given.append((begin, len(data)))
        return data

    @property
    def count(self) -> int:
        return sum(size for _, size in self.given)


def fetched(data: bytes = DATA) -> tuple[RemoteFile, Ranges]:
    ranges = Ranges(data)
    return RemoteFile(ranges, len(data), "far.mgv"), ranges


STEPS = st.lists(
    st.tuples(st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END, None]), st.integers(-len(DATA), len(DATA) + 9))
)


@given(STEPS)
def test_seeking_and_reading_are_those_of_a_file_that_is_here(steps: list[tuple[int | None, int]]) -> None:
    far, ranges = fetched()
    near = io.BytesIO(DATA)
    for whence, number in steps:
        if whence is None:
            assert far.read(abs(number)) == near.read(abs(number))
        elif (place := number + {0: 0, 1: near.tell(), 2: len(DATA)}[whence]) < 0:
            with pytest.raises(ValueError, match="no place"):
                far.seek(number, whence)
        else:
            assert far.seek(number, whence) == near.seek(number, whence) == place
        assert far.tell() == near.tell()
    assert far.bytes_fetched == ranges.count


def test_a_few_bytes_here_and_there_cost_a_block_each_and_are_fetched_once() -> None:
    far, ranges = fetched()
    for _ in range(3):
        for number in (30, 3, 17):
            far.seek(number * BLOCK_BYTES + 5)
            assert far.read(10) == DATA[number * BLOCK_BYTES + 5 :][:10]
    assert ranges.given == [(number * BLOCK_BYTES, BLOCK_BYTES) for number in (30, 3, 17)]


def test_a_file_read_through_comes_in_ever_longer_ranges_and_once() -> None:
    data = DATA * 5
    far, ranges = fetched(data)
    assert b"".join(iter(lambda: far.read(1000), b"")) == data
    assert far.bytes_fetched == ranges.count == len(data)
    assert len(ranges.given) < len(data) / BLOCK_BYTES / 4
    assert max(size for _, size in ranges.given) <= AHEAD_BYTES + BLOCK_BYTES


@pytest.mark.parametrize("size", [1, BLOCK_BYTES, 7 * BLOCK_BYTES, 30 * BLOCK_BYTES])
def test_who_stops_has_little_fetched_in_vain(size: int) -> None:
    far, ranges = fetched()
    for _ in range(0, size, 500):
        far.read(min(500, size - far.tell()))
    assert size <= ranges.count <= size * (1 + 1 / AHEAD_SHARE) + BLOCK_BYTES


def test_more_than_is_kept_is_read_in_one_call_and_fetched_once() -> None:
    data = bytes(2 * KEPT_BLOCKS * BLOCK_BYTES)
    far, ranges = fetched(data)
    assert len(far.read(len(data))) == len(data) == ranges.count
    assert max(size for _, size in ranges.given) == FETCHED_BLOCKS * BLOCK_BYTES


def test_what_comes_short_or_not_at_all_is_an_error_with_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0.0, 0.0))
    ranges = Ranges(DATA[:100])
    with pytest.raises(UnsupportedInput, match=r"far\.mgv cannot be read: 100 bytes came of the 200 from 0 on"):
        RemoteFile(ranges, 200, "far.mgv").read(1)
    for error, said in ((ConnectionResetError("gone"), "gone"), (TimeoutError(), "the server does not answer")):
        with pytest.raises(UnsupportedInput, match=f"^far.mgv cannot be read: {said}$"):
            RemoteFile(Failing(error), 200, "far.mgv").read(1)


@pytest.mark.parametrize(
    ("error", "tries"), [(ConnectionResetError("gone"), 3), (PermissionError("no"), 1), (ValueError("no ranges"), 1)]
)
def test_what_failed_on_its_way_is_asked_for_again_and_what_was_refused_is_not(
    error: Exception, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0.0, 0.0))
    for times in range(1, 4):
        ranges = Failing(error, times)
        file = RemoteFile(ranges, len(DATA), "far.mgv")
        if times < tries:
            assert file.read(100) == DATA[:100] and file.bytes_fetched == BLOCK_BYTES
        else:
            with pytest.raises(UnsupportedInput):
                file.read(100)
            assert ranges.tries == tries and file.bytes_fetched == 0


class Failing(io.BytesIO):
    """The other side when something is wrong there, the first so many `times`."""

    def __init__(self, error: Exception, times: int = 99) -> None:
        super().__init__(DATA)
        self.error, self.times, self.tries = error, times, 0

    def read(self, size: int | None = -1) -> bytes:
        self.tries += 1
        if self.tries <= self.times:
            raise self.error
        return super().read(size)


def test_any_scheme_that_fsspec_knows_will_do() -> None:
    name = f"memory://{uuid.uuid4().hex}/film.mgv"
    fsspec.filesystem("memory").pipe(name, DATA)
    with open_remote(name) as file:
        file.seek(-5, io.SEEK_END)
        assert file.read() == DATA[-5:] and file.bytes_fetched < 2 * BLOCK_BYTES
    assert file.closed
    with pytest.raises(UnsupportedInput, match=r"none\.mgv cannot be read: there is no such file"):
        open_remote("memory://none.mgv")
    with pytest.raises(UnsupportedInput, match=r"is a directory, not an \.mgv file"):
        open_remote(name.removesuffix("/film.mgv"))


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", without)
    with pytest.raises(NvcodecError, match="s3:// needs a package that is not installed: Install s3fs to access S3"):
        open_remote("s3://bucket/film.mgv")
    with pytest.raises(NvcodecError, match=r"https:// needs .*: pip install 'nvcodec\[http\]'"):
        open_remote("https://host/film.mgv")


@pytest.mark.parametrize(
    ("name", "far"),
    [
        ("https://host/a.mgv", True),
        ("s3://bucket/a.mgv", True),
        ("a.mgv", False),
        ("-", False),
        ("C://a.mgv", False),
        ("./https://a.mgv", False),
    ],
)
def test_a_url_is_told_from_a_path(name: str, far: bool) -> None:
    assert remote.is_remote(name) is far
