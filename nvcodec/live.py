"""Reading a pipe whose writer takes its time: while nothing has come, other work is done.

There is no second thread for that: a thread that waits for a pipe can neither be interrupted nor ended.
"""

from __future__ import annotations

import io
import select
from collections.abc import Callable
from typing import BinaryIO

POLL_S = 0.05

# Does what can be done now and does not wait; whether there will be more of it soon.
Meanwhile = Callable[[], bool]


class LivePipe:
    """A file object that reads alone, and as soon as there is anything: it never waits for `size` bytes.

    Before it waits it calls `meanwhile`, again and again while that says that more will be there soon.
    """

    def __init__(self, file: BinaryIO, meanwhile: Meanwhile | None = None) -> None:
        self._file, self._meanwhile = file, meanwhile
        self._read = file.read1 if isinstance(file, io.BufferedReader) else file.read  # others are taken as they are

    def read(self, size: int) -> bytes:
        """The next bytes, one at least and `size` at most; none at the end."""
        patience_s = 0.0
        while self._meanwhile is not None and not has_come(self._file, patience_s) and self._meanwhile():
            patience_s = POLL_S
        return self._read(size)


def has_come(file: BinaryIO, patience_s: float) -> bool:
    """Whether reading would not wait, now or within so many seconds; also True where nobody can tell.

    That is Windows, and objects that no file of the system stands behind. Bytes in a buffer of `file` are not seen.
    """
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    try:
        poll.register(file.fileno(), select.POLLIN)
    except (AttributeError, OSError, ValueError):
        return True
    return bool(poll.poll(1000 * patience_s))
