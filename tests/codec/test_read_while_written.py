"""Reading a file that somebody is writing: what is whole of it is read, and never anything else."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from nvcodec.bitstream import BitstreamError, ContainerReader, GopChunk, verify

from nvcodec.codec import DecodeOptions, EncodeOptions, decode, verify_deep
from nvcodec.codec.reports import Progress
from nvcodec.codec.resume import encode_resumably
from nvcodec.files import atomic_output
from nvcodec.partial import partial_path

from .support import CARPHONE, coded, contents

OPTIONS: dict[str, Any] = {"duration_s": 0.64, "scale": "44x36", "gop": 5, "quality": 30, "threads": 1}
Y4M = DecodeOptions(container="y4m", threads=1)


class Growing:
    """A file of which another piece is written before anything is read of it."""

    def __init__(self, path: Path, data: bytes, until: int, pieces: int) -> None:
        path.write_bytes(data[: min(until, pieces)])
        self._written = open(path, "ab", buffering=0)  # noqa: SIM115
        self._file = open(path, "rb")  # noqa: SIM115
        self._left = iter([data[begin : min(until, begin + pieces)] for begin in range(pieces, until, pieces)])
        self.seekable, self.seek, self.tell = self._file.seekable, self._file.seek, self._file.tell

    def read(self, size: int = -1) -> bytes:
        self._written.write(next(self._left, b""))
        return self._file.read(size)


@pytest.fixture(scope="module", params=[None, 500], ids=["plain", "parity"])
def film(request: pytest.FixtureRequest) -> bytes:
    """A file of four groups."""
    return coded(CARPHONE, **OPTIONS, parity=request.param)[0]


def pictures(file: Any) -> tuple[bytes, int, bool]:
    """What it decodes to, how many pictures that are, and whether it was whole."""
    shown = io.BytesIO()
    report = decode(cast(BinaryIO, file), shown, Y4M)
    return shown.getvalue(), report.frames, not report.damage


@pytest.mark.parametrize("piece", [300, 4000])
def test_a_file_that_grows_as_fast_as_it_is_read_is_read_to_its_end(piece: int, film: bytes, tmp_path: Path) -> None:
    expected = pictures(io.BytesIO(film))
    assert expected[1] > 15
    assert pictures(Growing(tmp_path / "a", film, len(film), piece)) == expected


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_what_a_growing_file_holds_so_far_is_decoded_and_its_end_told(groups: int, film: bytes, tmp_path: Path) -> None:
    whole, _, _ = pictures(io.BytesIO(film))
    ends = list(ends_of_gops(film))
    until = (ends[groups - 1] + ends[groups]) // 2  # amid the next group
    shown, frames, sound = pictures(Growing(tmp_path / "a", film, until, 50))
    assert (frames, sound) == (groups * 5, False) and whole.startswith(shown)
    for check in (verify, verify_deep):
        report = check(cast(BinaryIO, Growing(tmp_path / "b", film, until, 50)))
        assert not report.whole and report.gops == groups


def ends_of_gops(data: bytes) -> Iterator[int]:
    """Where each group ends."""
    reader = ContainerReader(io.BytesIO(data))
    for chunk in reader.chunks():
        if isinstance(chunk, GopChunk):
            yield reader.bytes_read


def test_the_partial_file_of_an_encode_can_be_read_at_any_time(tmp_path: Path) -> None:
    target, seen = tmp_path / "out.mgv", list[int]()
    expected = contents(coded(CARPHONE, **OPTIONS)[0])[1]

    def look(progress: Progress) -> None:
        partial = partial_path(target)
        if not partial.stat().st_size:
            return
        with open(partial, "rb") as file:
            gops: list[GopChunk] = []
            with pytest.raises(BitstreamError, match=r"without an index|the file ends"):
                gops.extend(chunk for chunk in ContainerReader(file).chunks() if isinstance(chunk, GopChunk))
            file.seek(0)
            report = verify(file)
            assert not report.whole and len(report.damage) == 1
            seen.append(report.gops)
            if report.gops:
                file.seek(0)
                assert pictures(file)[1] == 5 * report.gops
        assert gops == expected[: len(gops)]

    encode_resumably(CARPHONE, target, EncodeOptions(**OPTIONS), look)
    assert seen == sorted(seen) and set(seen) >= {0, 1, 2}
    assert contents(target.read_bytes())[1] == expected


@pytest.mark.skipif(sys.platform == "win32", reason="there an open file is not replaced")
def test_who_reads_a_file_that_is_replaced_reads_the_old_one_to_its_end(film: bytes, tmp_path: Path) -> None:
    path = tmp_path / "out.mgv"
    path.write_bytes(film)
    with open(path, "rb") as file:
        reader = ContainerReader(file)
        chunks = reader.chunks()
        first = next(chunks)
        with atomic_output(path, force=True) as new:
            new.write(b"another file")
            second = next(chunks)
        assert [first, second, *chunks] == list(ContainerReader(io.BytesIO(film)).chunks())
        assert reader.index().entries
    assert path.read_bytes() == b"another file"
