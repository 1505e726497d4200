"""Damaged files read as if they were whole, as far as their parity goes."""

from __future__ import annotations

import io
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

from .chunk import PARITY, SYNC, read_chunk
from .errors import BitstreamError
from .limits import Limits
from .parity import LARGEST, Group, ParityChunk, decode_parity, encode_section, restore_stripe
from .reed_solomon import is_installed
from .source import ByteSource

MARK = SYNC + PARITY
PARITY_BYTES = 64 + LARGEST  # at most, of a chunk's body
GROUPS, BROKEN_CHUNKS = 1 << 16, 1 << 16  # as many are looked at, and no more
PATCHES = 1 << 17  # at most: they may be short
OPEN_GROUPS = 8  # whose parity may still come: that of a group stands together, but damage can carry some elsewhere

LostIndex = Callable[["MendedFile", int, Limits], tuple[int, bytes] | None]  # of a file, which begins at that place


class MendedFile:
    """A file that can seek, which gives the bytes it had before it was damaged once `mend` was called.

    Only the few methods that readers need. Places are the file's own, and `start` is where the `.mgv` file in it
    begins. `share` is that of the parity that was met, None if there was none or nobody has looked; `needs_package`
    whether there was and it is of no use, for want of the package that computes it.
    """

    share: int | None
    needs_package: bool

    def __init__(self, file: BinaryIO, start: int, limits: Limits) -> None:
        self.share, self.needs_package = None, False
        self.restored_bytes = 0
        self._file, self._start, self._limits = file, start, limits
        self._patches: list[tuple[int, bytes]] = []  # in order, none over another
        self._looked = False
        self._at = 0  # where we stand, once there are patches: `file` stands anywhere then

    def mend(self, lost_index: LostIndex) -> bool:
        """Bring back what parity can; whether anything reads otherwise now. Only the first call does anything.

        Once all else is there, `lost_index` is asked for the place and the bytes of an index that is not.
        """
        if self._looked:
            return False
        self._looked = True
        at = self._file.tell()
        end = self._file.seek(0, io.SEEK_END) - self._start
        spans: list[tuple[int, int]] = []
        for found in self.groups():
            if not is_installed():
                self.needs_package = True
                break
            if found.group.begin <= end and _is_apart(found.group, spans):  # no byte is in two groups
                insort(spans, (found.group.begin, found.group.end))
                self.share = self.share or found.group.share
                self._restore(found)
        if spans and (index := lost_index(self, self._start, self._limits)) is not None:
            place, data = index
            if place + len(data) >= end:  # else the file goes on there, and nobody knows with what
                self._patch(place, data)
        self.seek(at)
        return bool(self._patches)

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """As the file's."""
        return self._at if self._patches else self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As the file's, from its beginning or its end."""
        place = self._file.seek(offset, whence)
        if self._patches:
            if whence == io.SEEK_END:
                end = place - offset
                place = max(end, self._patches[-1][0] + len(self._patches[-1][1])) + offset
            self._at = place
        return place

    def read(self, size: int) -> bytes | None:
        """As the file's."""
        if not self._patches:
            return self._file.read(size)
        self._file.seek(self._at)
        data = self._file.read(size)
        if data is None:
            return None
        merged = self._merged(self._at, data, size)
        self._at += len(merged)
        return merged

    def _merged(self, at: int, data: bytes, size: int) -> bytes:
        """`data`, which is what is at the place `at` of `size` bytes asked for, with the patches in it."""
        merged = bytearray(data)
        first = max(0, bisect_right(self._patches, at, key=lambda patch: patch[0]) - 1)
        for place, patch in self._patches[first : bisect_left(self._patches, at + size, key=lambda patch: patch[0])]:
            begin, skipped = max(0, place - at), max(0, at - place)
            if begin > len(merged):
                break  # the file ends before, and is not mended up to here
            part = patch[skipped : skipped + size - begin]
            merged[begin : begin + len(part)] = part
        return bytes(merged)

    def groups(self) -> Iterator[_Found]:
        """All groups of which parity is left, with it, a few of them in memory at a time."""
        found: dict[Group, _Found] = {}
        number = 0
        for chunk, offset in self._chunks():
            if chunk.group not in found:
                if (number := number + 1) > GROUPS:
                    break
                if len(found) == OPEN_GROUPS:
                    yield found.pop(next(iter(found)))
                found[chunk.group] = _Found(chunk.group)
            found[chunk.group].places.setdefault((chunk.stripe, chunk.number), offset)
        yield from found.values()

    def _chunks(self) -> Iterator[tuple[ParityChunk, int]]:
        """Every parity chunk that is whole, and its place in the `.mgv` file."""
        source = self._source(0)
        broken = 0
        while broken < BROKEN_CHUNKS and source.find(MARK):
            offset = source.offset
            if (chunk := _parity_at(source, self._limits)) is None:
                broken += 1
            else:
                yield chunk, offset

    def _restore(self, found: _Found) -> None:
        """Patch a group and, if it then is whole, its parity."""
        group = found.group
        data = self._bytes(group.begin, group.size)
        for stripe in range(group.stripes):
            for place, shard in (self._stripe(found, stripe, data) or {}).items():
                self._patch(group.begin + place, shard)
        if len(found.places) == len(group.order):
            return
        data = self._bytes(group.begin, group.size)
        if all(self._stripe(found, stripe, data) == {} for stripe in range(group.stripes)):
            for place, chunk in _lost_chunks(found, encode_section(group, data, self._limits)):
                self._patch(place, chunk)

    def _stripe(self, found: _Found, stripe: int, data: bytes) -> dict[int, bytes] | None:
        """The damaged shards of a stripe; None where they cannot be brought back."""
        last = found.group.parity + 1
        places = {number: found.places.get((stripe, number)) for number in range(last + 1)}
        table = next((place for place in (places[0], places[last]) if place is not None), None)
        if table is None:
            return None
        parity = {number: place for number, place in places.items() if place is not None and 0 < number < last}
        checksums = self._chunk(table).data
        return restore_stripe(found.group, stripe, data, checksums, parity, lambda n: self._chunk(parity[n]).data)

    def _chunk(self, place: int) -> ParityChunk:
        """The parity chunk at a place where there is one."""
        chunk = _parity_at(self._source(place), self._limits)
        if chunk is None:
            raise BitstreamError("the file changes while it is read")
        return chunk

    def _source(self, place: int) -> ByteSource:
        """The file as it lies there, from a place on, wherever others read meanwhile."""
        return ByteSource(cast(BinaryIO, _Apart(self._file, self._start + place)), place)

    def _bytes(self, begin: int, size: int) -> bytes:
        self.seek(self._start + begin)
        return ByteSource(cast(BinaryIO, self), begin).read(size)

    def _patch(self, place: int, data: bytes) -> None:
        if self.restored_bytes + len(data) <= self._limits.restored_bytes and len(self._patches) < PATCHES:
            self.restored_bytes += len(data)
            insort(self._patches, (self._start + place, data))


class _Apart:
    """A file's bytes from the place `at` on; who else reads it may seek."""

    def __init__(self, file: BinaryIO, at: int) -> None:
        self._file, self._at = file, at

    def read(self, size: int) -> bytes | None:
        """As the file's."""
        self._file.seek(self._at)
        data = self._file.read(size)
        self._at += len(data or b"")
        return data


@dataclass
class _Found:
    """A group, and the places of those of its parity chunks that are whole, by stripe and number."""

    group: Group
    places: dict[tuple[int, int], int] = field(default_factory=dict)


def has_parity(file: BinaryIO, start: int, limits: Limits) -> bool:
    """Whether any parity is left of the file that begins at the place `start`."""
    return any(True for _ in MendedFile(file, start, limits).groups())


def _is_apart(group: Group, spans: list[tuple[int, int]]) -> bool:
    """Whether a group is none of these, which are apart and in order, and has nothing in common with any."""
    place = bisect_left(spans, (group.begin, group.end))
    before, after = spans[max(0, place - 1) : place], spans[place : place + 1]
    return all(end <= group.begin for _, end in before) and all(begin >= group.end for begin, _ in after)


def _parity_at(source: ByteSource, limits: Limits) -> ParityChunk | None:
    """The parity chunk that begins where `source` stands; None if it is damaged, or none."""
    try:
        chunk = read_chunk(source, replace(limits, chunk_bytes=min(limits.chunk_bytes, PARITY_BYTES)))
        return None if chunk is None or chunk.type != PARITY else decode_parity(chunk.body, limits)
    except BitstreamError:
        return None


def _lost_chunks(found: _Found, section: list[bytes]) -> list[tuple[int, bytes]]:
    """Those of a group's parity chunks that are not there, with their places; none where it is not clear where."""
    begins: set[int] = set()
    lost: list[tuple[int, bytes]] = []
    at = 0
    for part, chunk in zip(found.group.order, section, strict=True):
        if (place := found.places.get(part)) is None:
            lost.append((at, chunk))
        else:
            begins.add(place - at)
        at += len(chunk)
    return [(begin + at, chunk) for begin in begins for at, chunk in lost] if len(begins) == 1 else []
