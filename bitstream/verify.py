"""Reading a whole file to see that it is whole. No probabilities are computed and no pixels decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO, TypeVar

from .container import ContainerReader
from .errors import BitstreamError
from .gop import GopChunk
from .limits import Limits
from .parity_mending import has_parity
from .reed_solomon import is_installed

Report = TypeVar("Report", bound="VerifyReport")


@dataclass(frozen=True)
class VerifyReport:
    """What was found whole, and all damage in order; each error knows its `chunk`, `offset` and `reason`.

    `sha256` is the file's own, of all bytes before its index, found right; "" if there is none, or damage.
    `repairable`: whether parity brings back all that is damaged, to the byte; `needs_package`: whether there is parity
    that might, but not the package that it needs.
    """

    bytes: int = 0
    chunks: int = 0
    gops: int = 0
    frames: int = 0
    packets: int = 0
    sha256: str = ""
    damage: tuple[BitstreamError, ...] = ()
    repairable: bool = False
    needs_package: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged or missing."""
        return not self.damage


def verify(file: BinaryIO, limits: Limits = Limits()) -> VerifyReport:
    """Reads `file` front to back, over damage where there is any; a pipe will do.

    BitstreamError for what is no `.mgv` file at all, UnsupportedVersion for another version's.
    """
    start = file.tell() if file.seekable() else None
    try:
        report = _read_through(file, limits, mend=False)
    except BitstreamError as error:
        if start is None:
            raise
        report = with_parity(VerifyReport(damage=(error,)), file, start, limits)
        if not report.repairable:
            raise
        return report
    return report if report.whole or start is None else with_parity(report, file, start, limits)


def with_parity(report: Report, file: BinaryIO, start: int, limits: Limits) -> Report:
    """The report on a damaged file that begins at the place `start`, with what parity can do for it."""
    if not is_installed():
        return replace(report, needs_package=has_parity(file, start, limits))
    file.seek(start)
    try:
        return replace(report, repairable=_read_through(file, limits, mend=True).whole)
    except BitstreamError:
        return report


def _read_through(file: BinaryIO, limits: Limits, *, mend: bool) -> VerifyReport:
    try:
        reader = ContainerReader(file, limits, mend=mend)
    except BitstreamError as error:
        if error.chunk is None:
            raise
        return VerifyReport(damage=(error,))
    gops = frames = packets = 0
    damage: list[BitstreamError] = []
    for content in reader.chunks(damage):
        if isinstance(content, GopChunk):
            gops, frames = gops + 1, frames + len(content.pts)
        else:
            packets += len(content.packets)
    chunks, sha256 = reader.chunks_read - len(damage), hash_text(reader)
    return VerifyReport(reader.bytes_read, chunks, gops, frames, packets, sha256, tuple(damage))


def hash_text(reader: ContainerReader) -> str:
    """The hash of a file that was read to its end, if all of it is whole; else ""."""
    return (reader.sha256 or b"").hex()
