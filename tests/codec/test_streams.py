"""Pipes, and how packets and pictures are brought together."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from nvcodec.bitstream import PacketRecord

from nvcodec.codec import DecodeOptions, EncodeOptions, EncodeReport, decode, encode
from nvcodec.codec.interleave import PacketQueue
from nvcodec.codec.parts import PACKETS, in_chunks, made_in_order
from nvcodec.media import Track

from .support import BUNNY, contents, read, same_pictures

Coded = tuple[bytes, EncodeReport]


class Pipe(io.RawIOBase):
    """Reads and writes front to back, a little at a time, and cannot seek."""

    def __init__(self, data: bytes = b"") -> None:
        self._left = memoryview(data)
        self.written = bytearray()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        count = min(len(buffer), len(self._left), 1000)
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def write(self, data: bytes) -> int:  # type: ignore[override]
        taken = bytes(data)[:1000]
        self.written += taken
        return len(taken)


def as_file(pipe: Pipe) -> BinaryIO:
    return cast(BinaryIO, pipe)


def test_the_file_is_written_to_a_pipe(bunny: Coded) -> None:
    pipe = Pipe()
    options = EncodeOptions(duration_s=0.6, scale="1/2", quality=80, gop=9)
    encode(BUNNY, as_file(pipe), options)
    assert bytes(pipe.written) == bunny[0]


def test_the_file_is_read_from_a_pipe(bunny: Coded, tmp_path: Path) -> None:
    lossless = DecodeOptions(lossless=True)
    piped = decode(as_file(Pipe(bunny[0])), tmp_path / "pipe.mkv", lossless, lambda state: None)
    direct = decode(io.BytesIO(bunny[0]), tmp_path / "file.mkv", lossless)
    assert (piped.frames, piped.gops, piped.duration_s) == (direct.frames, direct.gops, direct.duration_s)
    assert same_pictures(read(tmp_path / "pipe.mkv").pictures, read(tmp_path / "file.mkv").pictures)


def test_the_video_is_decoded_into_a_pipe(bunny: Coded, tmp_path: Path) -> None:
    out = io.BytesIO()
    decode(io.BytesIO(bunny[0]), out)
    (tmp_path / "out.mkv").write_bytes(out.getvalue())
    assert len(read(tmp_path / "out.mkv").pictures) == bunny[1].frames


def test_packets_lie_near_the_pictures_of_their_time(bunny: Coded) -> None:
    from nvcodec.bitstream import ContainerReader, GopChunk

    reader = ContainerReader(io.BytesIO(bunny[0]))
    ends: list[Fraction] = [Fraction(0)]
    distance = Fraction(0)
    for chunk in reader.chunks():
        if isinstance(chunk, GopChunk):
            ends.append(chunk.end * reader.header.time_base)
        else:
            for packet in chunk.packets:
                assert packet.pts is not None
                time = packet.pts * reader.header.tracks[packet.track].time_base
                distance = max(distance, ends[-1] - time, time - ends[-1])
    assert len(contents(bunny[0])[1]) == len(ends) - 1 == 2
    assert distance < 1


def record(track: int, dts: int | None, data: bytes = b"x") -> PacketRecord:
    return PacketRecord(track, dts, dts, 1, True, data)


def test_packets_leave_when_a_picture_of_their_time_does() -> None:
    tracks = [Track("audio", "aac", Fraction(1, 10)), Track("subtitle", "subrip", Fraction(1))]
    queue = PacketQueue(tracks, kept=[0, 2])
    queue.put([record(2, 50), record(0, 0), record(1, 0), record(0, 10), record(0, 25)])
    assert [(p.track, p.dts) for p in queue.due(Fraction(1))] == [(0, 0), (0, 10)]
    assert list(queue.due(Fraction(2))) == []
    assert [(p.track, p.dts) for p in queue.rest()] == [(0, 25), (1, 50)]


def test_many_packets_make_several_chunks() -> None:
    records = [record(0, n) for n in range(2 * PACKETS + 1)]
    chunks = list(in_chunks(records))
    assert [len(chunk) for chunk in chunks] == [PACKETS, PACKETS, 1]
    assert [packet for chunk in chunks for packet in chunk] == records
    assert [len(chunk) for chunk in in_chunks([record(0, n, bytes(5 << 20)) for n in range(5)])] == [2, 2, 1]


def test_what_is_made_in_order_comes_in_order_and_no_further_ahead_than_one() -> None:
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(5):
            asked.append(number)
            yield number

    results = made_in_order(lambda number: 10 * number, numbers(), ahead=True)
    assert next(results) == 0 and asked == [0, 1]
    assert list(results) == [10, 20, 30, 40]


@pytest.mark.parametrize("ahead", [False, True])
def test_an_error_in_the_making_comes_out_in_its_turn(ahead: bool) -> None:
    results = made_in_order(lambda number: 1 // number, iter([2, 1, 0]), ahead=ahead)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
