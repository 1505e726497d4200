"""One process at a time writes an output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nvcodec.errors import OutputError


@contextmanager
def sole_writer(path: Path, named: str | Path | None = None) -> Iterator[None]:
    """For as long as the block lasts nobody else has `path` in here; OutputError, of what it is `named`, where one has.

    The lock is the operating system's, on a hidden file beside `path`: a process that dies loses it, so that a file
    left behind is in nobody's way.
    """
    from filelock import FileLock, Timeout

    lock_path = path.with_name(f".{path.name}.lock")
    lock = FileLock(lock_path, thread_local=False)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            if not lock_path.exists():  # not even the lock can be written there
                raise OutputError(f"{named or path} cannot be written: its folder takes no new file") from error
            raise OutputError(f"{named or path} is being written by another process") from error
        except OSError as error:
            raise OutputError(f"{named or path} cannot be written: {error.strerror or error}") from error
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows deletes no open file, but there the library does it
                lock_path.unlink()  # while it is ours: who waits for it notices, and makes another
            lock.release()
