"""Random access: chunks of a file that can seek, read at the places that the index names."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO, TypeVar

from .checks import TornGop, decode_checks, rest_of
from .chunk import CHECKS, CRC_BYTES, GOP, INDEX, SYNC, Chunk, read_chunk, read_head
from .errors import BitstreamError
from .gop import GopChunk, decode_gop
from .index import SIZE_BYTES, Index, IndexEntry, decode_index
from .limits import Limits
from .source import ByteSource

Found = TypeVar("Found")


class Places:
    """The chunks of `file`, whose signature is at `start`. Every call leaves the file where it stood.

    `mends` is asked where something is damaged: whether it now reads otherwise.
    """

    def __init__(self, file: BinaryIO, start: int, limits: Limits, mends: Callable[[], bool]) -> None:
        self._file, self._start, self._limits, self._mends = file, start, limits, mends

    def index(self) -> tuple[Index, int]:
        """The index at the end of the file, and where it begins. BitstreamError if there is none."""
        return self._twice(self._index)

    def gop(self, entry: IndexEntry) -> GopChunk:
        """The GOP of an entry of the index. BitstreamError, which knows the place, if it is not there."""
        return self._twice(lambda: self._gop(entry))

    def rest(self, entry: IndexEntry, before: Chunk | None) -> GopChunk | TornGop | None:
        """What is left of a damaged GOP, by its checks if they are the chunk `before` it; None if nothing is."""
        if before is None or before.type != CHECKS or before.end != entry.offset:
            return None
        try:
            checks = decode_checks(before.body, self._limits)
        except BitstreamError:
            return None
        if (checks.head.begin, len(checks.head.pts)) != (entry.pts, entry.frames):
            return None
        with self._elsewhere():
            return rest_of(checks, self._source(entry.offset + 1), self._limits)

    def gop_end(self, entry: IndexEntry) -> int:
        """Where the chunk of a GOP ends, by its first few bytes alone. BitstreamError if no GOP begins there."""
        end = self._twice(lambda: self._gop_end(entry))
        # No checksum of so few bytes tells whether the length is damaged, but that no chunk comes after it.
        return self._gop_end(entry) if not self._is_chunk(end) and self._mends() else end

    def next_chunk(self, begin: int, end: int) -> int:
        """The first place from `begin` on at which a chunk may begin; `end` if there is none before it."""
        with self._elsewhere():
            source = self._source(begin, end)
            return source.offset if source.find(SYNC) else end

    def chunks(self, begin: int, end: int, damage: list[BitstreamError] | None) -> Iterator[Chunk]:
        """All chunks between two places; with `damage`, errors are put there and passed over."""
        offset = begin
        while offset < end:
            with self._elsewhere():
                source = self._source(offset, end)
                try:
                    chunk = read_chunk(source, self._limits)
                    if chunk is None:
                        raise BitstreamError("the file ends before a place that its index names")
                except BitstreamError as error:
                    if self._mends():
                        continue
                    if damage is None:
                        raise error.at(None, offset) from None
                    damage.append(error.at(None, offset).with_traceback(None))
                    if len(damage) >= self._limits.damaged_places or not source.find(SYNC):
                        return
                    chunk = None
                offset = source.offset
            if chunk is not None:
                yield chunk

    def _twice(self, look: Callable[[], Found]) -> Found:
        try:
            return look()
        except BitstreamError:
            if not self._mends():
                raise
        return look()

    def _index(self) -> tuple[Index, int]:
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

    def _gop(self, entry: IndexEntry) -> GopChunk:
        with self._elsewhere():
            try:
                chunk = read_chunk(self._source(entry.offset), self._limits)
                if chunk is None or chunk.type != GOP:
                    raise BitstreamError("there is no GOP, though the index says so")
                gop = replace(decode_gop(chunk.body, self._limits), room=sum(map(len, chunk.raw)))
                if (gop.pts[0], len(gop.pts)) != (entry.pts, entry.frames):
                    raise BitstreamError("there is another GOP than the index says")
                return gop
            except BitstreamError as error:
                raise error.at(None, entry.offset) from None

    def _gop_end(self, entry: IndexEntry) -> int:
        with self._elsewhere():
            try:
                type_, size = read_head(self._source(entry.offset), self._limits)
                if type_ != GOP:
                    raise BitstreamError("there is no GOP, though the index says so")
                return entry.offset + size
            except BitstreamError as error:
                raise error.at(None, entry.offset) from None

    def _is_chunk(self, offset: int) -> bool:
        with self._elsewhere():
            return self._source(offset).read(len(SYNC)) == SYNC

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
