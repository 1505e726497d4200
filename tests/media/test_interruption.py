"""Interruptions inside FFmpeg's callbacks reach the caller; Python alone would let them fall."""

from __future__ import annotations

import io
import sys
from types import FrameType

import pytest

from nvcodec.interruption import Interrupted, called_back, interruption_in
from nvcodec.media import MediaReader, MediaWriter

from .support import CLIPS, read


class Stopped(io.BytesIO):
    """A pipe that an interruption hits."""

    def __init__(self, data: bytes, after: int, cause: BaseException) -> None:
        super().__init__(data)
        self._left, self._cause = after, cause

    def seekable(self) -> bool:
        return False

    def read(self, size: int | None = -1) -> bytes:
        self._strike()
        return super().read(size)

    def write(self, data: object) -> int:
        self._strike()
        return len(data)  # type: ignore[arg-type]

    def _strike(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise self._cause


@pytest.mark.parametrize("cause", [KeyboardInterrupt(), SystemExit(143)])
def test_one_that_hits_reading_is_no_end_of_the_video(cause: BaseException) -> None:
    pipe = Stopped((CLIPS / "bunny.mp4").read_bytes(), after=3, cause=cause)
    with pytest.raises(Interrupted) as caught, MediaReader(pipe) as media:
        list(media.items())
    assert caught.value.cause is cause


def test_one_that_hits_writing_is_no_success() -> None:
    media, cause = read(CLIPS / "bunny.mp4"), KeyboardInterrupt()
    pipe = Stopped(b"", after=2, cause=cause)
    with pytest.raises(Interrupted) as caught, MediaWriter(pipe, media.video) as out:
        for picture in media.pictures:
            out.write(picture)
    assert caught.value.cause is cause


def test_a_signal_handler_knows_a_callback_by_its_frames() -> None:
    cause = KeyboardInterrupt()

    def handled() -> BaseException:
        here: FrameType = sys._getframe()  # what a signal handler is given
        return interruption_in(here, cause)

    assert handled() is cause
    inside = called_back(handled)()
    assert isinstance(inside, Interrupted) and inside.cause is cause
