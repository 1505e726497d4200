"""An output that grows where it can be seen and taken up again: OUT.part, and beside it what it was made of.

OUT.part.json says what the bytes depend on. Whoever goes on with the same makes the same bytes from the beginning:
those that are there are compared, and only what comes after them is written.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from nvcodec.errors import NvcodecError, OutputError
from nvcodec.files import check_output, put_in_place
from nvcodec.interruption import Interrupted
from nvcodec.sole_writer import sole_writer

Record = dict[str, Any]


class PartialMismatch(OutputError):
    """A partial file is not of the encode that would go on with it; the same command will not, either."""


@dataclass(frozen=True)
class Growing:
    """`file` to write, and the partial file `kept` if it is to be gone on with, cut to what is of use.

    `chosen` is what was chosen when it was begun.
    """

    file: BinaryIO
    kept: Path | None
    chosen: Record


def check_resumable(source: str | Path, target: str | Path) -> None:
    """Raises NvcodecError unless both are plain files, or names for one: nothing else can be gone on with."""
    if str(source) == "-" or str(target) == "-":
        raise NvcodecError("an encode from or to a pipe cannot be resumed; leave out --resume")
    if not os.path.isfile(source):
        raise NvcodecError(f"{source} is not a file, and only an encode of one can be resumed")


def partial_path(path: Path) -> Path:
    """Where the output grows."""
    return path.with_name(path.name + ".part")


def record_path(path: Path) -> Path:
    """What it is being made of, as JSON."""
    return path.with_name(path.name + ".part.json")


@contextmanager
def partial_output(
    path: str | Path, record: Record, chosen: Record, force: bool, whole_bytes: Callable[[Path], int]
) -> Iterator[Growing]:
    """The file that takes the name `path` when the block ends; if that is by an error it stays, to be gone on with.

    `record`, of what JSON can hold, is all that the bytes depend on, but for what one is free to choose, `chosen`:
    whoever goes on must take what was chosen first. `whole_bytes` tells how much of a partial file is of use; the rest
    of it is cut off. PartialMismatch where it is of another record, unless `force` begins anew, or when the bytes
    written are not those that are there. What was written and flushed is on the disk.
    """
    check_output(path, force=True)
    whole = Path(os.path.realpath(path))
    growing, recorded = partial_path(whole), record_path(whole)
    shown = growing if Path(path).is_symlink() else partial_path(Path(path))
    with sole_writer(whole, path), _left_only_if_of_use(growing, recorded):
        with _worded(path):
            _forget_finished(growing, recorded, whole)
            check_output(path, force)
            before = _begun(growing, recorded, _as_read({"of": record, "chosen": chosen}), shown, force)
            kept = 0 if before is None else whole_bytes(growing)
        with _told_how_to_go_on(growing, shown), _worded(path):
            with open(growing, "xb" if before is None else "r+b") as file:
                _sync_folder(growing)
                file.truncate(kept)
                yield Growing(
                    cast(BinaryIO, _Continued(file, kept, shown)),
                    None if before is None else growing,
                    chosen if before is None else before["chosen"],
                )
            put_in_place(growing, whole, path, force)
            _sync_folder(growing)


@contextmanager
def _left_only_if_of_use(growing: Path, recorded: Path) -> Iterator[None]:
    """Takes away both files at the end, unless there is something to go on with."""
    try:
        yield
    finally:
        if not _holds_anything(growing):
            for left in (growing, recorded):
                with suppress(OSError):
                    left.unlink(missing_ok=True)


@contextmanager
def _worded(path: str | Path) -> Iterator[None]:
    """What the system says inside it comes out as OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def _as_read(record: Record) -> Record:
    """The record as it is when it comes out of its file: lists for tuples."""
    return json.loads(json.dumps(record))


def _forget_finished(growing: Path, recorded: Path, whole: Path) -> None:
    """Takes away what is left of an encode that was killed while its file took its name."""
    if growing.exists() and whole.exists() and os.path.samefile(growing, whole):
        growing.unlink()
        recorded.unlink(missing_ok=True)


def _holds_anything(growing: Path) -> bool:
    return growing.exists() and growing.stat().st_size > 0


def _begun(growing: Path, recorded: Path, record: Record, shown: Path, force: bool) -> Record | None:
    """What is recorded of the partial file, if there is one of this record; else None, and `record` is in its place.

    PartialMismatch where there is another and no `force` to take it away.
    """
    if _holds_anything(growing):
        try:
            return _record_of(recorded, record, shown)
        except PartialMismatch:
            if not force:
                raise
    growing.unlink(missing_ok=True)
    _write_durably(recorded, (json.dumps(record, indent=2) + "\n").encode())
    return None


def _record_of(recorded: Path, record: Record, shown: Path) -> Record:
    """What is recorded, if that agrees with `record`; PartialMismatch, with what differs, where it does not."""
    try:
        before = json.loads(recorded.read_bytes())
    except (FileNotFoundError, ValueError):
        before = None
    if not (isinstance(before, dict) and all(isinstance(before.get(key), dict) for key in record)):
        raise PartialMismatch(f"nothing says what {shown} was begun with; -f begins anew")
    if others := list(_differing(before["of"], record["of"])):
        raise PartialMismatch(f"{shown} was begun with other values of {', '.join(others)}; -f begins anew")
    return before


def _differing(one: Record, two: Record, prefix: str = "") -> Iterator[str]:
    """Names of the values that differ, those of records inside with their record's: "options.gop"."""
    for key in sorted(one.keys() | two.keys()):
        mine, other = one.get(key), two.get(key)
        if isinstance(mine, dict) and isinstance(other, dict):
            yield from _differing(mine, other, f"{prefix}{key}.")
        elif mine != other:
            yield prefix + key


def _write_durably(path: Path, data: bytes) -> None:
    """A small file, there and whole after a power failure too. What a killed process leaves the next one replaces."""
    new = path.with_name(path.name + ".new")
    with open(new, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def _sync_folder(path: Path) -> None:
    """Brings the names beside `path` to the disk, where a system has a way to."""
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _told_how_to_go_on(growing: Path, shown: Path) -> Iterator[None]:
    """Errors and interruptions inside it get a note, if the same command can go on from here."""
    try:
        yield
    except PartialMismatch:
        raise
    except BaseException as error:
        if _holds_anything(growing):
            cause = error.cause if isinstance(error, Interrupted) else error
            cause.add_note(f"the same command goes on from {shown}")
        raise


class _Continued(io.RawIOBase):
    """Writes on after the first `kept` bytes of a file; up to there what is written must be what is there."""

    def __init__(self, file: BinaryIO, kept: int, shown: Path) -> None:
        super().__init__()
        self._file, self._left, self._shown = file, kept, shown
        self._unsynced = False

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Takes all of `data`."""
        view = memoryview(data)
        there = min(self._left, len(view))
        if there and self._file.read(there) != view[:there]:
            raise PartialMismatch(f"{self._shown} holds other bytes than this encoder makes; delete it to begin anew")
        self._left -= there
        if there < len(view):
            self._file.write(view[there:])
            self._unsynced = True
        return len(view)

    def flush(self) -> None:
        """What was written is on the disk now, and survives this process and the machine's power."""
        if self._unsynced and not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._unsynced = False
