"""Random access: chunks of a file that can seek, read at the places that the index names."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from .chunk import CRC_BYTES, GOP, INDEX, SYNC, Chunk, read_chunk, read_head
from .errors import BitstreamError
from .gop import GopChunk, decode_gop
from .index import SIZE_BYTES, Index, IndexEntry, decode_index
from .limits import Limits
from .source import ByteSource


class Places:
    """The chunks of `file`, whose signature is at `start`. Every call leaves the file where it stood."""

    def __init__(self, file: BinaryIO, start: int, limits: Limits) -> None:
        self._file, self._start, self._limits = file, start, limits

    def index(self) -> tuple[Index, int]:
        """The index at the end of the file, and where it begins. BitstreamError if there is none."""
        with self._elsewhere():
            end = self._file.seek(0, io.SEEK_END)
            self._file.seek(max(self._start, end - SIZE_BYTES - CRC_BYTES))
            begin = end - int.from_bytes(self._file.read(SIZE_BYTES), "little")
            chunk = None
            if begin >= self._start:
                chunk = read_chunk(self._source(begin - self._start), self._limits)
            if chunk is None or chunk.type != INDEX:
                raise BitstreamError("the file does not end in an index")
            return decode_index(chunk.body, self._limits), chunk.offset

    def gop(self, entry: IndexEntry) -> GopChunk:
        """The GOP of an entry of the index. BitstreamError, which knows the place, if it is not there."""
        with self._elsewhere():
            try:
                chunk = read_chunk(self._source(entry.offset), self._limits)
                if chunk is None or chunk.type != GOP:
                    raise BitstreamError("there is no GOP, though the index says so")
                gop = decode_gop(chunk.body, self._limits)
                if (gop.pts[0], len(gop.pts)) != (entry.pts, entry.frames):
                    raise BitstreamError("there is another GOP than the index says")
                return gop
            except BitstreamError as error:
                raise error.at(None, entry.offset) from None

    def gop_end(self, entry: IndexEntry) -> int:
        """Where the chunk of a GOP ends, by its first few bytes alone. BitstreamError if no GOP begins there."""
        with self._elsewhere():
            try:
                type_, size = read_head(self._source(entry.offset), self._limits)
                if type_ != GOP:
                    raise BitstreamError("there is no GOP, though the index says so")
                return entry.offset + size
            except BitstreamError as error:
                raise error.at(None, entry.offset) from None

    def chunks(self, begin: int, end: int, damage: list[BitstreamError] | None) -> Iterator[Chunk]:
        """All chunks between two places; with `damage`, errors are put there and passed over."""
        offset = begin
        while offset < end:
            with self._elsewhere():
                source = self._source(offset, end)
                try:
                    chunk = read_chunk(source, self._limits)
                except BitstreamError as error:
                    if damage is None:
                        raise error.at(None, offset) from None
                    damage.append(error.at(None, offset).with_traceback(None))
                    if len(damage) >= self._limits.damaged_places or not source.find(SYNC):
                        return
                    chunk = None
                offset = source.offset
            if chunk is not None:
                yield chunk

    def _source(self, offset: int, stop: int | None = None) -> ByteSource:
        self._file.seek(self._start + offset)
        return ByteSource(self._file, offset, stop)

    @contextmanager
    def _elsewhere(self) -> Iterator[None]:
        position = self._file.tell()
        try:
            yield
        finally:
            self._file.seek(position)
