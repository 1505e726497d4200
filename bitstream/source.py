"""Reading forward from anything that has `read`, a pipe included, with a place to put bytes back."""

from __future__ import annotations

from typing import BinaryIO

READ_BYTES = 1 << 20  # at a time, so that a chunk's claim to be large costs nothing until its bytes come


class ByteSource:
    """`offset` counts the bytes taken since the file began, whatever the file itself thinks."""

    def __init__(self, file: BinaryIO, offset: int = 0) -> None:
        self.offset = offset
        self._file = file
        self._back = b""  # bytes put back, of which the first `_at` are taken again
        self._at = 0

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer only where the file ends."""
        parts = [self._back[self._at : self._at + size]]
        self._at += len(parts[0])
        left = size - len(parts[0])
        while left:
            part = self._file.read(min(left, READ_BYTES))  # an unbuffered pipe gives less than asked
            if part is None:
                raise BlockingIOError("a non-blocking file has nothing to read yet")
            if not part:
                break
            parts.append(part)
            left -= len(part)
        self.offset += size - left
        return b"".join(parts)

    def unread(self, data: bytes) -> None:
        """Put back what was read last."""
        self._back = data + self._back[self._at :]
        self._at = 0
        self.offset -= len(data)

    def find(self, pattern: bytes) -> bool:
        """Go forward to where `pattern` begins, or to the end of the file; whether it was found."""
        while True:
            data = self.read(READ_BYTES)
            if (at := data.find(pattern)) >= 0:
                self.unread(data[at:])
                return True
            if len(data) < READ_BYTES:
                return False
            self.unread(data[len(data) - len(pattern) + 1 :])
