"""Ctrl-C and the like while FFmpeg asks Python for bytes, or gives it some.

PyAV passes on an Exception that comes up in such a callback, but lets KeyboardInterrupt and SystemExit fall: FFmpeg
would take an interrupted read for the end of the video, and a SystemExit would leave half-written files behind.
So they travel as `Interrupted` until FFmpeg has returned.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_callbacks: set[CodeType] = set()


class Interrupted(Exception):
    """An interruption, its `cause`, on its way through FFmpeg."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__("interrupted")
        self.cause = cause


def called_back(function: Callable[P, R]) -> Callable[P, R]:
    """A function that FFmpeg may call: interruptions leave it as `Interrupted`."""

    def wrapper(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return function(*arguments, **options)
        except (KeyboardInterrupt, SystemExit) as error:
            raise Interrupted(error) from error

    _callbacks.add(wrapper.__code__)
    return wrapper


def interruption_in(frame: FrameType | None, cause: BaseException) -> BaseException:
    """What a signal handler that came in at `frame` is to raise: the cause, or `Interrupted` inside a callback.

    Python may call the handler at a callback's first instruction, before anything there can catch it.
    """
    while frame is not None:
        if frame.f_code in _callbacks:
            return Interrupted(cause)
        frame = frame.f_back
    return cause
