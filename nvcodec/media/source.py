"""Where media comes from: a path, a URL, standard input or a file object, opened by FFmpeg."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nvcodec.errors import UnsupportedInput
from nvcodec.interruption import called_back
from nvcodec.live import LivePipe, Meanwhile

if TYPE_CHECKING:
    from av.container import InputContainer


class _Pipe:
    """A file object of which FFmpeg sees reading alone, so that it never tries to seek."""

    def __init__(self, file: BinaryIO, meanwhile: Meanwhile | None) -> None:
        self._file = LivePipe(file, meanwhile)

    @called_back
    def read(self, size: int) -> bytes:
        return self._file.read(size)


def name_of(source: str | Path | BinaryIO) -> str:
    """What to call the source in messages."""
    if isinstance(source, (str, Path)):
        return "standard input" if str(source) == "-" else str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the input"


def is_seekable(source: str | Path | BinaryIO) -> bool:
    """Whether one can go back and forth in it."""
    if isinstance(source, (str, Path)):
        return str(source) != "-" and (os.path.isfile(source) or "://" in str(source))
    seekable = getattr(source, "seekable", None)
    return seekable is not None and seekable()


def open_source(source: str | Path | BinaryIO, name: str, meanwhile: Meanwhile | None = None) -> InputContainer:
    """The source opened by FFmpeg; UnsupportedInput, worded with `name`, when that cannot be.

    `meanwhile` is called while nothing comes out of a pipe.
    """
    import av
    from av.error import FFmpegError

    file: Any
    container: Any
    if isinstance(source, (str, Path)) and str(source) != "-":
        file = _checked_path(str(source))
    else:
        stream: Any = sys.stdin.buffer if isinstance(source, (str, Path)) else source
        file = stream if is_seekable(stream) else _Pipe(stream, meanwhile)
    try:
        container = av.open(file, "r", metadata_errors="replace")
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnsupportedInput(f"{name} is not a video or picture that FFmpeg can read ({reason})") from error
    return container


def _checked_path(path: str) -> str:
    """The path as FFmpeg is to be given it. URLs and numbered pictures (frame-%05d.png) pass as they are."""
    if os.path.isdir(path):
        raise UnsupportedInput(f"{path} is a directory, not a video")
    if os.path.exists(path):
        if os.path.getsize(path) == 0 and os.path.isfile(path):
            raise UnsupportedInput(f"{path} is empty")
        return "file:" + path if ":" in path else path  # or FFmpeg takes "a:b.mp4" for a protocol
    if "://" not in path and "%" not in path:
        raise UnsupportedInput(f"{path}: no such file")
    return path
