"""Reading forward from anything that has `read`, a pipe included, with a place to put bytes back."""

from __future__ import annotations

from typing import BinaryIO

READ_BYTES = 1 << 20  # at a time, so that a chunk's claim to be large costs nothing until its bytes come
SEARCH_BYTES = 1 << 16  # likewise while looking for something, most of which is then put back


class ByteSource:
    """`offset` counts the bytes taken since the file began, whatever the file itself thinks.

    At the offset `stop`, if there is one, the file counts as ended. `unread_bytes` is how much was read in vain.
    """

    def __init__(self, file: BinaryIO, offset: int = 0, stop: int | None = None) -> None:
        self.offset, self.unread_bytes = offset, 0
        self._file, self._stop = file, stop
        self._back = b""  # bytes put back, of which the first `_at` are taken again
        self._at = 0

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer only where the file ends."""
        if self._stop is not None:
            size = max(0, min(size, self._stop - self.offset))
        data = self._back[self._at : self._at + size]
        self._at += len(data)
        if len(data) < size:
            self._back, self._at = b"", 0
            data += self._from_file(size - len(data))
        self.offset += len(data)
        return data

    def _from_file(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            part = self._file.read(min(size, READ_BYTES))  # an unbuffered pipe gives less than asked
            if part is None:
                raise BlockingIOError("a non-blocking file has nothing to read yet")
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def unread(self, data: bytes) -> None:
        """Put back what was read last."""
        self.unread_bytes += len(data)
        self._put_back(data)

    def find(self, pattern: bytes, within: int | None = None) -> bool:
        """Go forward to where `pattern` begins, or to the end of the file; whether it was found.

        With `within`, about so many bytes are searched.
        """
        begin = self.offset
        while within is None or self.offset - begin < within:
            data = self.read(SEARCH_BYTES)
            if (at := data.find(pattern)) >= 0:
                self._put_back(data[at:])
                return True
            if len(data) < SEARCH_BYTES:
                return False
            self._put_back(data[len(data) - len(pattern) + 1 :])
        return False

    def _put_back(self, data: bytes) -> None:
        self.offset -= len(data)
        if self._at >= len(data) and self._back.startswith(data, self._at - len(data)):
            self._at -= len(data)  # all of it came from there: what follows it need not be moved
        else:
            self._back, self._at = data + self._back[self._at :], 0
