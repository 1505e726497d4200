"""Reading a whole file to see that it is whole. No probabilities are computed and no pixels decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from .container import ContainerReader
from .errors import BitstreamError
from .gop import GopChunk
from .limits import Limits


@dataclass(frozen=True)
class VerifyReport:
    """What was found whole, and all damage in order; each error knows its `chunk`, `offset` and `reason`."""

    bytes: int = 0
    chunks: int = 0
    gops: int = 0
    frames: int = 0
    packets: int = 0
    damage: tuple[BitstreamError, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged or missing."""
        return not self.damage


def verify(file: BinaryIO, limits: Limits = Limits()) -> VerifyReport:
    """Reads `file` front to back, over damage where there is any; a pipe will do.

    BitstreamError for what is no `.mgv` file at all, UnsupportedVersion for another version's.
    """
    try:
        reader = ContainerReader(file, limits)
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
    return VerifyReport(
        reader.bytes_read, reader.chunks_read - len(damage), gops, frames, packets, tuple(damage)
    )
