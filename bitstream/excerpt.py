"""A part of a file: the pictures shown between two times, and the packets beside them.

In a file that can seek and ends in its index, only what is needed is read; else the file is read up to the end of
the part.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from .checks import TornGop
from .chunk import PACKETS, Chunk
from .container import ContainerReader
from .errors import BitstreamError
from .gop import GopChunk
from .header import StreamHeader
from .index import Index
from .places import Places
from .recovery import Content, Damage, LostGop, PacketWatch, recovered, trusted_index
from .tracks import PacketChunk, PacketRecord, TrackHeader, decode_packets

SOUND_REACH_S = 2  # how far from the pictures of the same moment sound may lie in a file


class Excerpt:
    """Contents of the part that begins `start_s` seconds after the first picture and lasts `duration_s`.

    It begins with the picture shown at that time, whose pts is `begin`, and ends before `end`. A part with a start
    has its packets' times counted from `begin`, and who reads this is to take `shift` from those of the pictures.
    `first` is the first picture's of the whole file. All these are in ticks of the header's time base and known once
    a GOP came. GOPs come whole, those at the ends of the part, too; with `whole_gops` the part is widened to them.

    With `damage`, what is damaged is noted there and passed over; without, it is a BitstreamError. So is a part
    after the end of the file.
    """

    def __init__(
        self,
        reader: ContainerReader,
        start_s: Fraction = Fraction(0),
        duration_s: Fraction | None = None,
        damage: Damage | None = None,
        *,
        whole_gops: bool = False,
    ) -> None:
        self.begin = self.first = self.shift = 0
        self.end = None if duration_s is None else 0
        self.first_gop = 0  # its number in the file
        self._reader, self._damage = reader, damage
        self._start_s, self._duration_s, self._whole_gops = start_s, duration_s, whole_gops
        self._base = reader.header.time_base

    @property
    def header(self) -> StreamHeader:
        """The part's. Samples that a sound's coder put in front of the first are not in it unless it is there."""
        header = self._reader.header
        return header if not self._start_s else replace(header, tracks=tuple(map(_without_padding, header.tracks)))

    def __iter__(self) -> Iterator[Content]:
        if not self._start_s and self._duration_s is None and not self._whole_gops:
            return self._through()
        found = trusted_index(self._reader)
        if found is not None and found[0].entries:
            near = self._near(*found)
            if near is not None:
                return near
        return self._chosen(self._through(), None, None)

    def _through(self) -> Iterator[Content]:
        if self._damage is None:
            return self._reader.chunks()
        return recovered(self._reader, self._damage, torn=True)

    def _near(self, index: Index, index_begin: int) -> Iterator[Content] | None:
        """The part by the index; None where its places are not those of the file's chunks."""
        assert self._reader.places is not None
        times = [entry.pts for entry in index.entries]
        start, end = self._window(times[0])
        gops = range(max(0, bisect_right(times, start) - 1), len(times))
        if end is not None:
            gops = range(gops.start, max(gops.start + 1, bisect_left(times, end)))
        ends = [*times[1:], index.end]
        reach = SOUND_REACH_S / self._base
        around = range(
            max(0, bisect_right(times, times[gops.start] - reach) - 1),
            len(times) if end is None else bisect_left(times, max(end, ends[gops.stop - 1]) + reach),
        )
        until = ends[gops.start]
        if start >= max(until, times[gops.start] + 1):
            raise self._past(index.end)
        try:
            steps = _Around(self._reader, index, index_begin, around, gops)
        except BitstreamError:
            return None
        self.first_gop = gops.start
        return self._chosen(steps.contents(self._damage), times[0], until)

    def _window(self, first: int) -> tuple[Fraction, Fraction | None]:
        """Start and end asked for, in ticks, of a file whose first picture is shown at `first`."""
        start = first + self._start_s / self._base
        return start, None if self._duration_s is None else start + self._duration_s / self._base

    def _past(self, end: int) -> BitstreamError:
        return BitstreamError(f"the file ends at {float(end * self._base):.3f} s, before the start asked for")

    def _chosen(self, contents: Iterator[Content], first: int | None, until: int | None) -> Iterator[Content]:
        """Those of the part. `first`: when the file begins; `until`: when the only GOP that may come is over."""
        held: GopChunk | TornGop | LostGop | None = None  # begins before the start; does the next one, too?
        packets = WaitingPackets(self._reader.header, bool(self._start_s))
        start, end = self._window(first or 0)
        running = False
        self.first = first or 0
        for content in contents:
            if isinstance(content, PacketChunk):
                packets.put(content)
                if running:
                    yield from packets.due(self._end_so_far)
                continue
            if first is None:
                first = self.first = content.begin
                start, end = self._window(first)
            if running:
                if end is not None and content.begin >= end:
                    if content.begin >= end + SOUND_REACH_S / self._base:
                        break
                    continue
                yield from self._widened(content, packets)
                continue
            if held is not None and content.begin > start:
                running = True
                yield from self._begun(held, start, end, packets)
                if end is None or content.begin < end:
                    yield from self._widened(content, packets)
                held = None
            elif _last(content) >= start:
                running, held = True, None
                yield from self._begun(content, start, end, packets)
            else:
                held = content
                packets.forget(content.begin * self._base)
        if held is not None:
            if start >= max(held.end if until is None else until, _last(held) + 1):
                raise self._past(held.end)
            yield from self._begun(held, start, end, packets)
        yield from packets.due(self._end_so_far)

    def _begun(
        self, gop: GopChunk | TornGop | LostGop, start: Fraction, end: Fraction | None, packets: WaitingPackets
    ) -> Iterator[Content]:
        """The first GOP of the part."""
        shown = [pts for pts in gop.pts if pts <= start]
        self.begin = gop.begin if self._whole_gops or not shown else shown[-1]
        self.shift = self.begin if self._start_s else 0
        if end is not None and not self._whole_gops:
            self.end = -(-end.numerator // end.denominator)
        packets.begin_s = self.begin * self._base
        yield from self._widened(gop, packets)

    def _widened(self, gop: GopChunk | TornGop | LostGop, packets: WaitingPackets) -> Iterator[Content]:
        if self._whole_gops and self.end is not None:
            self.end = gop.end
        yield from packets.due(self._end_so_far)
        yield gop

    @property
    def _end_so_far(self) -> Fraction | None:
        return None if self.end is None else self.end * self._base


class _Around:
    """The chunks around some GOPs of an index, GOP after GOP with the packets before it.

    BitstreamError if the chunks are not where the index says. To know that, the GOPs around and the last of `gops` are
    looked at; the others only when they are read, or a long part would cost as many jumps ahead as it has GOPs.
    """

    def __init__(
        self, reader: ContainerReader, index: Index, index_begin: int, around: range, gops: range
    ) -> None:
        assert reader.places is not None
        self._places: Places = reader.places
        self._reader, self._index, self._gops = reader, index, gops
        self._before: Chunk | None = None  # the chunk that was read last, which the next GOP stands after
        entries = index.entries
        self._stops = {k: entries[k].offset for k in around} | {len(entries): index_begin}
        self._numbers = range(around.start, around.stop + (around.stop == len(entries)))
        self._begins = {k: self._begin(k) for k in self._numbers if k - 1 not in gops[:-1]}

    def contents(self, damage: Damage | None) -> Iterator[Content]:
        """The packets around, and the GOPs."""
        watch = None if damage is None else PacketWatch(self._reader.header, damage)
        for k in self._numbers:
            for packets in self._packets(k, damage):
                if watch is None or watch.are_new(packets):
                    yield packets
            if k in self._gops:
                yield self._gop(k, damage)

    def _begin(self, k: int) -> int:
        """Where the packets before GOP `k` begin."""
        begin = self._reader.header_end if k == 0 else self._places.gop_end(self._index.entries[k - 1])
        if begin > self._stops[k]:
            raise BitstreamError("the chunks are not where the index says")
        return begin

    def _begin_after_reading(self, k: int, damage: Damage | None) -> int:
        """The same when GOP `k - 1` has been read; if that is lost, where the next chunk may begin."""
        try:
            return self._begin(k)
        except BitstreamError:
            if damage is None:
                raise
            return self._places.next_chunk(self._index.entries[k - 1].offset + 1, self._stops[k])

    def _packets(self, k: int, damage: Damage | None) -> Iterator[PacketChunk]:
        limits, errors = self._reader.limits, None if damage is None else damage.errors
        if k not in self._begins:
            self._begins[k] = self._begin_after_reading(k, damage)
        self._before = None
        for chunk in self._places.chunks(self._begins[k], self._stops[k], errors):
            self._before = chunk
            if chunk.type == PACKETS:
                try:
                    packets = decode_packets(chunk.body, limits)
                    packets.check_tracks(len(self._reader.header.tracks))
                except BitstreamError as error:
                    if errors is None:
                        raise error.at(None, chunk.offset) from None
                    errors.append(error.at(None, chunk.offset).with_traceback(None))
                else:
                    yield packets

    def _gop(self, k: int, damage: Damage | None) -> GopChunk | TornGop | LostGop:
        entry = self._index.entries[k]
        later = self._index.entries[k + 1 : k + 2]
        try:
            gop = self._places.gop(entry)
            return replace(gop, room=gop.room + entry.offset - self._begins[k])
        except BitstreamError as error:
            if damage is None:
                raise
            damage.errors.append(error.with_traceback(None))
            stop = later[0].offset if later else self._stops[len(self._index.entries)]
            rest, room = self._places.rest(entry, self._before), stop - self._begins[k]
            if isinstance(rest, TornGop):
                return TornGop(replace(rest.gop, room=room), rest.missing, str(error))
            if rest is not None:
                return replace(rest, room=room)
            end = later[0].pts if later else self._index.end
            return LostGop.between(entry.pts, end, entry.frames, str(error))


class WaitingPackets:
    """Packets until it is known whether they are of the part; then with their times counted from its begin."""

    def __init__(self, header: StreamHeader, cut: bool) -> None:
        self.begin_s = Fraction(0)
        self._tracks, self._cut = header.tracks, cut
        self._packets: list[PacketRecord] = []

    def put(self, chunk: PacketChunk) -> None:
        """The next packets of the file."""
        self._packets += chunk.packets

    def forget(self, time_s: Fraction) -> None:
        """What is over at a time before the part begins cannot be of it."""
        self._packets = [
            p for p in self._packets if (s := _start(p, self._tracks)) is None or s + _length(p, self._tracks) > time_s
        ]

    def due(self, end_s: Fraction | None) -> Iterator[PacketChunk]:
        """Those that begin before `end_s`; the others wait on."""
        due: list[PacketRecord] = []
        waiting: list[PacketRecord] = []
        for packet in self._packets:
            start_s = _start(packet, self._tracks)
            if end_s is not None and start_s is not None and start_s >= end_s:
                waiting.append(packet)
            elif (kept := placed(packet, self._tracks[packet.track], self.begin_s, self._cut)) is not None:
                due.append(kept)
        self._packets = waiting
        if due:
            yield PacketChunk(tuple(due))


def placed(packet: PacketRecord, track: TrackHeader, begin_s: Fraction, cut: bool) -> PacketRecord | None:
    """The packet with times counted from `begin_s` if the file is `cut` there; None if it is from before."""
    start = packet.pts if packet.pts is not None else packet.dts
    if not cut or start is None:
        return packet
    shift = round(begin_s / track.time_base)
    if start * track.time_base < begin_s:
        if track.kind == "audio" or (start + packet.duration) * track.time_base <= begin_s:
            return None
        return replace(packet, pts=0, dts=0, duration=start + packet.duration - shift)  # text that is on at the begin
    return shifted(packet, -shift)


def shifted(packet: PacketRecord, ticks: int) -> PacketRecord:
    """The packet, so much later."""
    pts, dts = (None if time is None else time + ticks for time in (packet.pts, packet.dts))
    return replace(packet, pts=pts, dts=dts)


def _without_padding(track: TrackHeader) -> TrackHeader:
    return replace(track, parameters={name: v for name, v in track.parameters.items() if name != "padding"})


def _start(packet: PacketRecord, tracks: tuple[TrackHeader, ...]) -> Fraction | None:
    start = packet.pts if packet.pts is not None else packet.dts
    return None if start is None else start * tracks[packet.track].time_base


def _length(packet: PacketRecord, tracks: tuple[TrackHeader, ...]) -> Fraction:
    return packet.duration * tracks[packet.track].time_base


def _last(content: GopChunk | TornGop | LostGop) -> int:
    return content.pts[-1] if content.pts else content.begin
