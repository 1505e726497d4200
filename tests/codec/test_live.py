"""Pipes whose writer takes its time, and readers who take theirs: what is held back, and what does not hang on it."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import BinaryIO, cast

import pytest
from nvcodec.bitstream import ContainerReader

from nvcodec.codec import EncodeOptions, encode
from nvcodec.codec.parts import InTheMaking, made_in_order
from nvcodec.live import LivePipe

WIDTH = HEIGHT = 96
GOP = 5
HEADER = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C420jpeg\n".encode()
FRAME_BYTES = len(b"FRAME\n") + WIDTH * HEIGHT * 3 // 2
READ_AHEAD = 1 << 15  # bytes that FFmpeg asks for at a time


def frame(number: int) -> bytes:
    """A frame of y4m: stripes that move."""
    row = bytes((3 * x + 5 * number) % 256 for x in range(WIDTH))
    return b"FRAME\n" + row * (HEIGHT * 3 // 2)


class Film(io.RawIOBase):
    """So many pictures, as a pipe; notes how much was taken, and by which threads."""

    def __init__(self, frames: int) -> None:
        self._pieces = iter([HEADER, *map(frame, range(frames))])
        self._left = b""
        self.taken, self.threads = 0, set[int]()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self.threads.add(threading.get_ident())
        self._left = self._left or next(self._pieces, b"")
        data, self._left = self._left[:size], self._left[size:]
        self.taken += len(data)
        return data


class SlowReader(io.BytesIO):
    """Notes at every group how many pictures had been taken when it was written, and by which threads."""

    def __init__(self, film: Film) -> None:
        super().__init__()
        self.film, self.taken, self.threads = film, list[float](), set[int]()

    def write(self, data: object) -> int:
        self.threads.add(threading.get_ident())
        view = memoryview(data)  # type: ignore[arg-type]
        if bytes(view[4:5]) == b"G":
            self.taken.append(self.film.taken / FRAME_BYTES)
        return super().write(view)


@pytest.mark.parametrize(("threads", "ahead"), [(1, 0), (2, 2)])
def test_a_reader_who_takes_his_time_holds_the_encoder_up(threads: int, ahead: int) -> None:
    film = Film(8 * GOP)
    out = SlowReader(film)
    encode(cast(BinaryIO, film), out, EncodeOptions(gop=GOP, threads=threads))
    assert len(out.taken) == 8
    for group, taken in enumerate(out.taken):  # when it is written, so many others at most are begun
        assert taken <= (group + 1 + ahead) * GOP + 1 + READ_AHEAD / FRAME_BYTES
    # And while it is being written nothing is taken, for it is one thread that does both.
    assert film.threads == out.threads == {threading.get_ident()}


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be watched there")
@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 2}, {"threads": 2, "bitrate": 60_000}], ids=str)
def test_what_is_written_does_not_hang_on_the_pace_of_the_input(options: dict[str, int]) -> None:
    whole = io.BytesIO()
    encode(cast(BinaryIO, Film(4 * GOP)), whole, EncodeOptions(gop=GOP, **options))  # type: ignore[arg-type]
    (their_end, fed), (read, our_end) = os.pipe(), os.pipe()
    live, shot = bytearray(), list[list[object]]()

    def shoot() -> None:
        """No picture before all groups that could be there are."""
        with open(fed, "wb", buffering=0) as pipe, open(read, "rb") as file, suppress(BrokenPipeError):
            pipe.write(HEADER + frame(0))
            chunks = ContainerReader(cast(BinaryIO, Noted(file, live))).chunks()
            shot.append([])
            for number in range(1, 4 * GOP):
                pipe.write(frame(number))
                if number % GOP == 0:
                    shot[-1].append(next(chunks))
            pipe.close()
            shot.append(list(chunks))

    feeder = threading.Thread(target=shoot)
    feeder.start()
    with open(their_end, "rb") as source, open(our_end, "wb") as file:
        # If both wait for each other, the film ends early.
        watchdog = threading.Timer(120, lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), fed))
        watchdog.start()
        try:
            encode(source, file, EncodeOptions(gop=GOP, **options))  # type: ignore[arg-type]
        finally:
            watchdog.cancel()
    feeder.join()
    assert [len(gops) for gops in shot] == [3, 1]  # that many were there before their successor was shot
    assert bytes(live) == whole.getvalue()


class Noted:
    """A file to read, and what was read of it."""

    def __init__(self, file: BinaryIO, noted: bytearray) -> None:
        self._file, self._noted = file, noted

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._noted += data
        return data


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be watched there")
def test_other_work_is_done_until_something_comes_or_there_is_none_left() -> None:
    source, sink = os.pipe()
    calls: list[str] = []

    def meanwhile() -> bool:
        calls.append("work")
        if len(calls) == 3:
            os.write(sink, b"here")
        return True

    with open(source, "rb") as file, open(sink, "wb", buffering=0):
        pipe = LivePipe(file, meanwhile)
        assert pipe.read(100) == b"here" and len(calls) == 3
        os.write(sink, b"more")
        assert pipe.read(2) == b"mo" and pipe.read(100) == b"re" and len(calls) == 3

        def last() -> bool:
            os.write(sink, b"end")
            return False

        assert LivePipe(file, last).read(100) == b"end"


def test_what_was_passed_on_early_comes_in_its_turn_and_is_marked() -> None:
    futures = [Future[int]() for _ in range(3)]
    making, taken = InTheMaking[int](), list[int]()
    for future in futures:
        making.add(future)
    futures[0].set_result(0)
    assert making.pass_on() is False and taken == []  # nobody takes anything yet
    making.pass_on_to(taken.append)
    assert making.pass_on() is True and taken == [0]
    futures[2].set_result(2)
    assert making.pass_on() is True and taken == [0]  # in their order
    assert (making.next(), making.passed_on) == (0, True)
    futures[1].set_result(1)
    assert making.pass_on() is False and taken == [0, 1, 2]
    assert [(making.next(), making.passed_on) for _ in range(2)] == [(1, True), (2, True)]
    later = Future[int]()
    later.set_result(3)
    making.add(later)
    assert (making.next(), making.passed_on) == (3, False) and taken == [0, 1, 2]


def test_a_result_can_be_had_while_the_next_is_waited_for() -> None:
    making, taken = InTheMaking[int](), list[int]()
    making.pass_on_to(taken.append)

    def numbers() -> Iterator[int]:
        for number in range(3):
            yield number
            while making.pass_on():
                pass
            assert taken == list(range(number + 1))  # before the next one is there

    results = made_in_order(lambda number: number, numbers(), ahead=True, making=making)
    assert [(number, making.passed_on) for number in results] == [(0, True), (1, True), (2, True)]
