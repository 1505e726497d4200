"""What a damaged file still holds, in its order, and what it held where something is gone.

When the lost pictures were shown is known from the index, where it is whole and the file can seek. Without it the
times of the pictures on both sides tell: between them is damage, so pictures were there at the rate of the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import overload

from .checks import TornGop
from .container import ContainerReader
from .errors import BitstreamError
from .gop import GopChunk
from .header import StreamHeader
from .index import Index, IndexEntry
from .limits import Limits
from .tracks import PacketChunk

# How many damaged places are passed over; a file of more is given up there.
RECOVERY = Limits(damaged_places=1 << 16)


@dataclass(frozen=True)
class LostGop:
    """Pictures that are gone: when they were shown, how many they were, and why they are gone.

    Times are in units of the header's `time_base`. `pts` has one for each of the `frames`, as far as can be told
    equal to those they had; it is empty where more than `Limits.held_frames` are lost at one place.
    """

    begin: int
    end: int
    frames: int
    reason: str
    pts: tuple[int, ...] = ()

    @classmethod
    def between(cls, begin: int, end: int, frames: int, reason: str, *, timed: bool = True) -> LostGop:
        """So many frames, at one pace; with their times only if they are to be `timed`."""
        pts = tuple(begin + i * (end - begin) // frames for i in range(frames)) if timed else ()
        return cls(begin, end, frames, reason, pts)


@dataclass(frozen=True)
class LostSound:
    """A stretch of a sound track whose packets are gone, in seconds."""

    track: int
    begin_s: Fraction
    end_s: Fraction


Known = GopChunk | PacketChunk | LostGop
Content = Known | TornGop


@dataclass
class Damage:
    """Everything that was found wrong with a file, filled in while it is read."""

    errors: list[BitstreamError] = field(default_factory=list)
    sound: list[LostSound] = field(default_factory=list)

    def note(self, reason: str) -> None:
        """One more error, of no one place."""
        self.errors.append(BitstreamError(reason))


@overload
def recovered(reader: ContainerReader, damage: Damage) -> Iterator[Known]: ...


@overload
def recovered(reader: ContainerReader, damage: Damage, *, torn: bool) -> Iterator[Content]: ...


def recovered(reader: ContainerReader, damage: Damage, *, torn: bool = False) -> Iterator[Content]:
    """All contents that are whole and, between them, what is lost; with `torn` also what is left of damaged GOPs."""
    losses = _Losses(reader, damage)
    packets = PacketWatch(reader.header, damage)
    end = 0
    for content in reader.chunks(damage.errors, torn=torn):
        if isinstance(content, PacketChunk):
            if packets.are_new(content):
                yield content
        else:
            reason = losses.reason()
            yield from losses.before(content)
            yield replace(content, reason=reason) if isinstance(content, TornGop) else content
            end = content.end
    for lost in losses.at_end():
        yield lost
        end = lost.end
    packets.end(end * reader.header.time_base)


def trusted_index(reader: ContainerReader) -> tuple[Index, int] | None:
    """The index at the end of the file and where it begins; None where there is none, or none that can be true."""
    if reader.places is None:
        return None
    try:
        index, begin = reader.places.index()
    except BitstreamError:
        return None
    return (index, begin) if index.is_plausible(reader.limits) else None


def frame_step(header: StreamHeader, pts: Sequence[int]) -> Fraction:
    """Usual time from frame to frame, in ticks: the header's, else the middle one of these times' steps."""
    if header.frame_rate is not None:
        return 1 / (header.frame_rate * header.time_base)
    steps = sorted(after - before for before, after in pairwise(pts))
    return Fraction(steps[len(steps) // 2]) if steps else 1 / (25 * header.time_base)


class _Losses:
    """Which GOPs are missing between those that were read."""

    def __init__(self, reader: ContainerReader, damage: Damage) -> None:
        self._reader, self._damage, self._limits = reader, damage, reader.limits
        found = trusted_index(reader)
        self._end = 0 if found is None else found[0].end
        self._expected: deque[IndexEntry] | None = None if found is None else deque(found[0].entries)
        self._last: GopChunk | TornGop | None = None
        self._noted = 0  # damage that belongs to what was lost before

    def before(self, gop: GopChunk | TornGop) -> list[LostGop]:
        """What is missing between the GOP before this one and it."""
        lost = self._by_index(gop)
        if lost is None:
            lost = self._by_gap(gop)
        self._last, self._noted = gop, len(self._damage.errors)
        return lost

    def at_end(self) -> list[LostGop]:
        """What is missing after the last GOP, as far as an index tells it."""
        index = self._reader.last_index
        if self._expected is not None:
            return self._entries(list(self._expected), self._end)
        if index is None or not index.is_plausible(self._limits):
            end_s = 0.0 if self._last is None else float(self._last.end * self._reader.header.time_base)
            self._damage.note(f"without an index nobody knows what came after {end_s:.3f} s")
            return []
        last = -(1 << 63) if self._last is None else self._last.pts[-1]
        return self._entries([entry for entry in index.entries if entry.pts > last], index.end)

    def _by_index(self, gop: GopChunk | TornGop) -> list[LostGop] | None:
        """By the index; None if there is none, or the GOP is not in it, which then is another file's."""
        missing: list[IndexEntry] = []
        while self._expected and self._expected[0].pts < gop.pts[0]:
            missing.append(self._expected.popleft())
        if not self._expected or (self._expected[0].pts, self._expected[0].frames) != (gop.pts[0], len(gop.pts)):
            self._expected = None
            return None
        self._expected.popleft()
        return self._entries(missing, gop.pts[0])

    def _entries(self, missing: list[IndexEntry], end: int) -> list[LostGop]:
        reason = self.reason()
        few = sum(entry.frames for entry in missing) <= self._limits.held_frames
        bounds = [entry.pts for entry in missing] + [end]
        return [
            LostGop.between(entry.pts, until, entry.frames, reason, timed=few)
            for entry, until in zip(missing, bounds[1:], strict=True)
        ]

    def _by_gap(self, gop: GopChunk | TornGop) -> list[LostGop]:
        """By the times on both sides; a file whose beginning is lost is taken to have begun at 0."""
        if len(self._damage.errors) == self._noted:
            return []
        step = frame_step(self._reader.header, gop.pts)
        begin = 0 if self._last is None else self._last.end if self._last.duration else self._last.pts[-1] + int(step)
        frames = round((gop.pts[0] - begin) / step)
        if not 0 < frames <= gop.pts[0] - begin:
            return []
        few = frames <= self._limits.held_frames
        return [LostGop.between(begin, gop.pts[0], frames, self.reason(), timed=few)]

    def reason(self) -> str:
        """Of what is missing after the last GOP."""
        fresh = self._damage.errors[self._noted :]
        return str(fresh[0]) if fresh else "its chunk is missing"


class PacketWatch:
    """Notes which packets of sound are missing, or there twice."""

    def __init__(self, header: StreamHeader, damage: Damage) -> None:
        self._header, self._damage = header, damage
        self._seen: set[int] = set()
        self._ends: dict[int, Fraction] = {}  # seconds at which a track's last packet ends, and its length
        self._lengths: dict[int, Fraction] = {}
        self._noted = 0

    def are_new(self, chunk: PacketChunk) -> bool:
        """Whether these were not met before. Notes the sound that is missing before them."""
        timed = any(packet.pts is not None or packet.dts is not None for packet in chunk.packets)
        key = hash(chunk)
        if timed and key in self._seen:
            self._damage.note("packets of sound and subtitles are there twice")
            return False
        self._seen.add(key)
        damaged = self._is_fresh()
        self._noted = len(self._damage.errors)
        for packet in chunk.packets:
            track = self._header.tracks[packet.track]
            if packet.pts is None or track.kind != "audio":
                continue
            if damaged:
                self._note(packet.track, packet.pts * track.time_base)
            self._ends[packet.track] = (packet.pts + packet.duration) * track.time_base
            self._lengths[packet.track] = packet.duration * track.time_base
        return True

    def end(self, end_s: Fraction) -> None:
        """Notes the sound that is missing at the end of the pictures."""
        if self._is_fresh():
            for number, track in enumerate(self._header.tracks):
                if track.kind == "audio":
                    self._note(number, end_s)

    def _is_fresh(self) -> bool:
        return len(self._damage.errors) > self._noted

    def _note(self, track: int, begin_s: Fraction) -> None:
        """What is missing before the time `begin_s`, if that is half a packet at least."""
        end_s = self._ends.get(track, Fraction(0))
        if 2 * (begin_s - end_s) > self._lengths.get(track, 0):
            self._damage.sound.append(LostSound(track, end_s, begin_s))
