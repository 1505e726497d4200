"""Packets wait for the pictures of their time, so that a player meets both together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from nvcodec.bitstream import PacketRecord
from nvcodec.media import Packet, Track

from .headers import packet_of


class PacketQueue:
    """Packets of the tracks `kept`, by their numbers in the file; each track's leave in their order."""

    def __init__(self, tracks: Sequence[Track], kept: Sequence[int]) -> None:
        self._tracks = tracks
        self._number = {in_file: number for number, in_file in enumerate(kept)}
        self._waiting: list[deque[Packet]] = [deque() for _ in tracks]

    def put(self, records: Iterable[PacketRecord]) -> None:
        """The file's next packets; those of tracks that are not kept are dropped."""
        for record in records:
            if record.track in self._number:
                number = self._number[record.track]
                self._waiting[number].append(packet_of(record, number))

    def due(self, time_s: Fraction) -> Iterator[Packet]:
        """Those that a decoder wants up to `time_s` seconds."""
        for queue in self._waiting:
            while queue and self._time(queue[0]) <= time_s:
                yield queue.popleft()

    def rest(self) -> Iterator[Packet]:
        """All that still wait, by time."""
        while any(self._waiting):
            yield min((queue for queue in self._waiting if queue), key=lambda q: self._time(q[0])).popleft()

    def _time(self, packet: Packet) -> Fraction:
        time = packet.dts if packet.dts is not None else packet.pts
        return (time or 0) * self._tracks[packet.track].time_base
