"""The last chunk: where each GOP begins in the file and in time, and the totals.

Its body ends in the size of the whole chunk, four bytes at a known distance from the end of the file, so that
a reader that can seek finds it there.
"""

from __future__ import annotations

from dataclasses import dataclass

from .chunk import chunk_size
from .errors import BitstreamError
from .fields import FieldReader, FieldWriter
from .limits import Limits, at_most, in_64_bits

SIZE_BYTES = 4


@dataclass(frozen=True)
class IndexEntry:
    """A GOP: the place of its chunk in the file, the time of its first frame, and its number of frames."""

    offset: int
    pts: int
    frames: int


@dataclass(frozen=True)
class Index:
    """All GOPs in order, the number of packets, and the time at which the last frame ends."""

    entries: tuple[IndexEntry, ...] = ()
    packets: int = 0
    end: int = 0

    @property
    def frames(self) -> int:
        """Frames in the whole file."""
        return sum(entry.frames for entry in self.entries)

    def is_plausible(self, limits: Limits) -> bool:
        """Whether GOPs can lie so: one after the other in the file and in time, each of so many frames."""
        ends = [(entry.offset, entry.pts) for entry in self.entries[1:]] + [(1 << 63, self.end + 1)]
        return all(
            entry.offset < offset and 1 <= entry.frames <= min(limits.frames_per_gop, pts - entry.pts)
            for entry, (offset, pts) in zip(self.entries, ends, strict=False)
        )


def encode_index(index: Index, limits: Limits) -> bytes:
    """The body of the index's chunk."""
    fields = FieldWriter()
    fields.varint(at_most(len(index.entries), limits.gops, "the number of GOPs"))
    before = IndexEntry(0, 0, 0)
    for entry in index.entries:
        fields.varint(entry.offset - before.offset)
        fields.svarint(entry.pts - before.pts)
        fields.varint(entry.frames)
        before = entry
    fields.varint(index.packets)
    fields.svarint(index.end - before.pts)
    fields.u32(chunk_size(len(fields.data) + SIZE_BYTES))
    return bytes(fields.data)


def decode_index(body: bytes, limits: Limits) -> Index:
    """Mirror of `encode_index`."""
    fields = FieldReader(body)
    entries: list[IndexEntry] = []
    before = IndexEntry(0, 0, 0)
    for _ in range(at_most(fields.varint(), limits.gops, "the number of GOPs")):
        offset = in_64_bits(before.offset + fields.varint(), "the place of a GOP")
        pts = in_64_bits(before.pts + fields.svarint(), "the time of a GOP")
        before = IndexEntry(offset, pts, fields.varint())
        entries.append(before)
    index = Index(tuple(entries), fields.varint(), before.pts + fields.svarint())
    if fields.u32() != chunk_size(len(body)):
        raise BitstreamError("the index has its own size wrong")
    fields.end()
    return index
