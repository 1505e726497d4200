"""Ways to damage a file, and where its chunks lie."""

from __future__ import annotations

import io
from dataclasses import dataclass

from hypothesis import strategies as st
from nvcodec.bitstream import ContainerReader, Limits
from nvcodec.bitstream.chunk import GOP, PACKETS, read_chunk
from nvcodec.bitstream.source import ByteSource

BEGIN = 9  # signature and version


@dataclass(frozen=True)
class Place:
    """Where a chunk lies."""

    type: bytes
    begin: int
    end: int


def places_of(data: bytes) -> list[Place]:
    """All chunks of a whole file."""
    source, places = ByteSource(io.BytesIO(data[BEGIN:]), BEGIN), []
    while chunk := read_chunk(source, Limits()):
        places.append(Place(chunk.type, chunk.offset, source.offset))
    return places


def groups(data: bytes) -> list[Place]:
    """Its groups of pictures."""
    return [place for place in places_of(data) if place.type == GOP]


def packets(data: bytes) -> list[Place]:
    """Its chunks of packets."""
    return [place for place in places_of(data) if place.type == PACKETS]


def header_end(data: bytes) -> int:
    """Where its header ends."""
    return ContainerReader(io.BytesIO(data)).header_end


def broken(data: bytes, *places: Place) -> bytes:
    """The file with one bit of each of these chunks flipped."""
    changed = bytearray(data)
    for place in places:
        changed[(place.begin + place.end) // 2] ^= 8
    return bytes(changed)


@dataclass(frozen=True)
class Edit:
    """A change of the bytes from `begin` to `end`: "flip", "drop", "double" or "cut" (and all after them)."""

    kind: str
    begin: int
    end: int

    def of(self, data: bytes) -> bytes:
        """The damaged bytes."""
        before, middle, after = data[: self.begin], data[self.begin : self.end], data[self.end :]
        flipped = bytes(byte ^ 8 for byte in middle)
        return before + {"flip": flipped + after, "drop": after, "double": 2 * middle + after, "cut": b""}[self.kind]

    def spares(self, place: Place) -> bool:
        """Whether a chunk is whole in the damaged bytes."""
        if self.kind == "cut":
            return place.end <= self.begin
        if self.kind == "double":  # the first goes on from what is before, the second into what is after
            return place.end <= self.end or place.begin >= self.begin
        return place.end <= self.begin or place.begin >= self.end


def edits(size: int) -> st.SearchStrategy[Edit]:
    """Any change of a file of `size` bytes; most of them are short."""
    kinds, lengths = st.sampled_from(["flip", "drop", "double", "cut"]), st.integers(1, 40) | st.integers(1, size)
    return st.builds(
        lambda kind, begin, length: Edit(kind, begin, min(size, begin + length)),
        kinds,
        st.integers(0, size - 1),
        lengths,
    )
