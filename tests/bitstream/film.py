"""A file of some seconds, with sound, and ways to damage it."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st
from nvcodec.bitstream import ContainerReader, GopChunk, PacketChunk, PacketRecord, StreamHeader, TrackHeader
from nvcodec.bitstream.recovery import Content, Damage, LostGop, recovered

from .samples import PLAIN_HEADER, write
from .second_reader import read_file

RATE, FRAMES, TICK = 25, 25, 512  # a GOP is a second, in a clock of 12800 ticks
SOUND = TrackHeader("audio", "aac", Fraction(1, 48000), parameters={"sample_rate": 48000, "padding": 1024})
TEXT = TrackHeader("subtitle", "subrip", Fraction(1, 1000))
HEADER: StreamHeader = replace(
    PLAIN_HEADER, time_base=Fraction(1, RATE * TICK), frame_rate=Fraction(RATE), tracks=(SOUND, TEXT)
)
SECOND = RATE * TICK
REACH = 1024  # samples of a packet


def gop_at(second: int, size: int = 3000) -> GopChunk:
    """A second of pictures, which nothing could decode."""
    noise = random.Random(second).randbytes(size - 1) + b"\1"
    pts = tuple(range(second * SECOND, (second + 1) * SECOND, TICK))
    return GopChunk(pts, TICK, 50, 60, bytes([1, 2, 3, 4, 5]), second, noise)


def packets_at(second: int) -> PacketChunk:
    """The sound that begins in that second, and a text."""
    first = -(-second * 48000 // REACH) if second else -1
    sound = (
        PacketRecord(0, n * REACH, n * REACH, REACH, True, random.Random(n).randbytes(40))
        for n in range(first, -(-(second + 1) * 48000 // REACH))
    )
    text = PacketRecord(1, 1000 * second + 500, 1000 * second + 500, 1000, True, f"second {second}".encode())
    return PacketChunk((*sound, text))


def film_of(seconds: int) -> list[GopChunk | PacketChunk]:
    """The contents of a file of so many seconds."""
    return [content for second in range(seconds) for content in (packets_at(second), gop_at(second))]


@dataclass(frozen=True)
class Place:
    """A chunk of a file: its type and where it lies."""

    type: str
    begin: int
    end: int


def places_of(data: bytes) -> list[Place]:
    """All chunks, by the reader written from the specification."""
    chunks = read_file(data)
    ends = [fields["begin"] for _, fields in chunks[1:]] + [len(data)]
    return [Place(kind, fields["begin"], end) for (kind, fields), end in zip(chunks, ends, strict=True)]


@dataclass(frozen=True)
class Edit:
    """A change of the bytes from `begin` to `end`: "flip" (a bit in each), "drop", "double" or "cut" (all after)."""

    kind: str
    begin: int
    end: int
    bit: int = 0

    def of(self, data: bytes) -> bytes:
        """The damaged bytes."""
        before, middle, after = data[: self.begin], data[self.begin : self.end], data[self.end :]
        return {
            "flip": before + bytes(byte ^ 1 << self.bit for byte in middle) + after,
            "drop": before + after,
            "double": before + middle + middle + after,
            "cut": before,
        }[self.kind]

    def spares(self, begin: int, end: int) -> bool:
        """Whether the bytes between two places lie in the result as they were, side by side."""
        if self.kind == "cut":
            return end <= self.begin
        if self.kind == "double":  # the first of the two goes on from what is before, the second into what is after
            return end <= self.end or begin >= self.begin
        return end <= self.begin or begin >= self.end


@st.composite
def edits(draw: st.DrawFn, size: int, begin: int = 0) -> Edit:
    """Any change of a file of `size` bytes from `begin` on; most of them are short."""
    kind = draw(st.sampled_from(["flip", "drop", "double", "cut"]))
    first = draw(st.integers(begin, size - 1))
    length = draw(st.integers(1, 40) | st.integers(1, size))
    return Edit(kind, first, min(size, first + length), draw(st.integers(0, 7)))


def recover(data: bytes, *, torn: bool = False) -> tuple[list[Content], Damage]:
    """All that is whole of a file, with `torn` also what is left of damaged GOPs, and the damage."""
    damage = Damage()
    reader = ContainerReader(io.BytesIO(data), damage=damage.errors)
    return list(recovered(reader, damage, torn=torn)), damage


def lost_of(contents: list[Content]) -> list[LostGop]:
    """The losses among contents."""
    return [content for content in contents if isinstance(content, LostGop)]


def film(seconds: int, parity: int | None = None) -> bytes:
    """The file of so many seconds, with `parity` in hundredths of a per cent."""
    return write(HEADER, film_of(seconds), parity)
