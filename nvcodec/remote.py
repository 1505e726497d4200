"""`.mgv` files that lie elsewhere, read by their URL through fsspec: of a part, only what it needs is fetched.

>>> from nvcodec.remote import open_remote
>>> with open_remote("https://host/film.mgv") as file:                      # doctest: +SKIP
...     nvcodec.decode(file, "out.mp4", nvcodec.DecodeOptions(start_s=60, duration_s=5))
"""

from __future__ import annotations

import io
import re
import time
from collections import OrderedDict
from typing import BinaryIO, cast

from nvcodec.errors import NvcodecError, UnsupportedInput

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # a single letter would be a drive of Windows
EXTRA = "pip install 'nvcodec[http]'"
NO_PARTS = "the server does not serve parts of files; download it, or pipe it in: curl -L URL | nvcodec … -"

BLOCK_BYTES = 1 << 15  # the least that is fetched: over most lines it takes no longer than its first byte
KEPT_BLOCKS = 128
FETCHED_BLOCKS = KEPT_BLOCKS // 2  # at once, so that none is dropped before it was read
AHEAD_BYTES = 1 << 20  # at most
AHEAD_SHARE = 4  # what is fetched ahead is at most this part of what was read on end: no more can be in vain
PAUSES_S = (0.5, 2.0)  # before a range that failed is asked for again


def is_remote(name: str) -> bool:
    """Whether a name is a URL and no path.

    >>> is_remote("https://host/film.mgv"), is_remote("film.mgv"), is_remote("C://film.mgv")
    (True, False, False)
    """
    return URL.match(name) is not None


def open_remote(url: str) -> RemoteFile:
    """The file of a URL whose scheme fsspec knows, to read. NvcodecError where the package for it is not installed;
    UnsupportedInput for what is not there, cannot be reached, or of which no parts can be had.
    """
    scheme = url.partition("://")[0].lower()
    try:
        from fsspec.core import url_to_fs

        files, path = url_to_fs(url)
    except ImportError as error:
        raise NvcodecError(_missing(scheme, error)) from error
    except Exception as error:
        raise _failure(url, error) from error
    try:
        about = files.info(path)
        size = about.get("size")
        if about.get("type") == "directory":
            raise UnsupportedInput(f"{url} is a directory, not an .mgv file")
        if size is None or not about.get("partial", True):
            raise UnsupportedInput(f"{url} cannot be read: {NO_PARTS}")
        file = files.open(path, "rb", size=size, cache_type="none")
    except NvcodecError:
        raise
    except Exception as error:  # every system behind fsspec has errors of its own
        raise _failure(url, error) from error
    return RemoteFile(cast(BinaryIO, file), size, url)


class RemoteFile(io.RawIOBase):
    """A file of `size` bytes in blocks, each fetched when it is read first, and further ahead the longer one reads on.

    `file` gives any range by `seek` and `read`. `bytes_fetched` is how much it gave. A few MiB are kept, so that who
    jumps back need not fetch again. UnsupportedInput, which calls the file `name`, for what cannot be fetched.
    """

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        super().__init__()
        self.bytes_fetched = 0
        self._file, self._size, self._name = file, size, name
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()  # by their numbers, the one used last at the end
        self._next = self._run = 0  # the block after those fetched last, and how much was fetched on end up to it

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """As any file's."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As any file's; nothing is fetched."""
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if place < 0:
            raise ValueError(f"there is no place {place} in a file")
        self._at = place
        return place

    def readinto(self, buffer: bytearray | memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As any file's; less than `buffer` holds only where the file ends."""
        view = memoryview(buffer).cast("B")
        end = min(self._at + len(view), self._size)
        done = 0
        while self._at < end:
            number, skipped = divmod(self._at, BLOCK_BYTES)
            part = self._block(number, (end - 1) // BLOCK_BYTES)[skipped : skipped + end - self._at]
            view[done : done + len(part)] = part
            done += len(part)
            self._at += len(part)
        return done

    def close(self) -> None:
        """Ends the connection."""
        if not self.closed:
            self._file.close()
        super().close()

    def _block(self, number: int, last: int) -> bytes:
        """Block `number`; those up to `last` are to be read after it."""
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        self._run = self._run if number == self._next else 0
        ahead = min(AHEAD_BYTES, self._run // AHEAD_SHARE) // BLOCK_BYTES
        stop, end = number + 1, min(last + 1 + ahead, number + FETCHED_BLOCKS, -(-self._size // BLOCK_BYTES))
        while stop < end and stop not in self._blocks:
            stop += 1
        data = self._fetch(number * BLOCK_BYTES, min(stop * BLOCK_BYTES, self._size))
        self._next, self._run = stop, self._run + len(data)
        for begin in range(0, len(data), BLOCK_BYTES):
            self._blocks[number + begin // BLOCK_BYTES] = data[begin : begin + BLOCK_BYTES]
        while len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return data[:BLOCK_BYTES]

    def _fetch(self, begin: int, end: int) -> bytes:
        data = self._tried(begin, end, PAUSES_S)
        self.bytes_fetched += len(data)
        if len(data) != end - begin:
            wrong = f"{len(data)} bytes came of the {end - begin} from {begin} on"
            raise UnsupportedInput(f"{self._name} cannot be read: {wrong}")
        return data

    def _tried(self, begin: int, end: int, pauses_s: tuple[float, ...]) -> bytes:
        """What the file gives, asked again after each of the pauses while it fails."""
        try:
            self._file.seek(begin)
            return self._file.read(end - begin)
        except Exception as error:  # every system behind fsspec has errors of its own
            if not pauses_s or not _may_pass(error):
                raise _failure(self._name, error) from error
        time.sleep(pauses_s[0])
        return self._tried(begin, end, pauses_s[1:])


def _missing(scheme: str, error: ImportError) -> str:
    """What to install."""
    if scheme in ("http", "https"):
        return f"reading {scheme}:// needs packages that are not installed: {EXTRA}"
    return f"reading {scheme}:// needs a package that is not installed: {error}"


def _may_pass(error: Exception) -> bool:
    """Whether the next try may go better: the line or the server failed, rather than refused."""
    status = getattr(error, "status", None)
    refused = isinstance(status, int) and 400 <= status < 500
    return not refused and not isinstance(error, (ValueError, FileNotFoundError, PermissionError))


def _failure(url: str, error: Exception) -> UnsupportedInput:
    """The error of another package in our words, as far as it is a known one."""
    if isinstance(error, FileNotFoundError):  # fsspec's word for whatever went wrong at the beginning
        error = cast(Exception, error.__cause__ or error)
    status = getattr(error, "status", None)  # aiohttp's
    if isinstance(status, int):
        reason = f"the server answers {status} {getattr(error, 'message', '')}"
    elif type(error) is ValueError and "range" in str(error):  # fsspec's of a server that sent the whole file
        reason = NO_PARTS
    elif isinstance(error, FileNotFoundError):
        reason = "there is no such file"
    elif isinstance(error, TimeoutError):
        reason = "the server does not answer"
    else:
        reason = str(error) or type(error).__name__
    return UnsupportedInput(f"{url} cannot be read: {reason.strip()}")
