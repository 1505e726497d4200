"""Sound and subtitles: tracks as the header declares them, packets as they were, several to a chunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from .errors import BitstreamError
from .fields import FieldReader, FieldWriter
from .limits import Limits, at_most, in_64_bits

KINDS = ("audio", "subtitle")

# A parameter's value is a number or a text.
NUMBER, TEXT = 0, 1

# The first number of a packet is its track · 16 + these. A steady packet starts, in presentation and decoding
# order, where the one before it in its track and chunk ended, and lasts as long; that is not said again.
KEYFRAME, STEADY, HAS_PTS, HAS_DTS = 1, 2, 4, 8
FLAGS = 16


@dataclass(frozen=True)
class TrackHeader:
    """What is needed to set up a decoder for a track. `codec` is FFmpeg's name of it; `kind` one of KINDS."""

    kind: str
    codec: str
    time_base: Fraction
    extradata: bytes = b""
    parameters: dict[str, str | int] = field(default_factory=dict)
    language: str = ""
    title: str = ""
    default: bool = False


@dataclass(frozen=True)
class PacketRecord:
    """A packet of a track, its bytes untouched.

    Times are in units of the track's `time_base`; `duration` is 0 if it is not known.
    """

    track: int
    pts: int | None
    dts: int | None
    duration: int
    keyframe: bool
    data: bytes


@dataclass(frozen=True)
class PacketChunk:
    """Packets in the order in which the input had them."""

    packets: tuple[PacketRecord, ...]

    def check_tracks(self, count: int) -> None:
        """BitstreamError for a packet of a track that is none of so many."""
        for packet in self.packets:
            if packet.track >= count:
                raise BitstreamError(f"a packet of track {packet.track}, of {count} counted from 0")


def write_track(fields: FieldWriter, track: TrackHeader, limits: Limits) -> None:
    """Appends a track's declaration to the header's fields."""
    if track.kind not in KINDS:
        raise BitstreamError(f"a track's kind must be one of {', '.join(KINDS)}, not {track.kind!r}")
    at_most(len(track.parameters), limits.parameters_per_track, "the number of a track's parameters")
    fields.u8(KINDS.index(track.kind))
    fields.u8(track.default)
    fields.text(track.codec, limits.text_bytes)
    fields.fraction(track.time_base)
    fields.block(track.extradata, limits.extradata_bytes)
    fields.varint(len(track.parameters))
    for name, value in track.parameters.items():
        fields.text(name, limits.text_bytes)
        if isinstance(value, str):
            fields.u8(TEXT)
            fields.text(value, limits.text_bytes)
        else:
            fields.u8(NUMBER)
            fields.svarint(value)
    fields.text(track.language, limits.text_bytes)
    fields.text(track.title, limits.text_bytes)


def read_track(fields: FieldReader, limits: Limits) -> TrackHeader:
    """Mirror of `write_track`."""
    kind, default = fields.u8(), fields.u8()
    if kind >= len(KINDS) or default > 1:
        raise BitstreamError(f"a track of unknown kind {kind}, {default}")
    codec, time_base = fields.text(limits.text_bytes), fields.fraction()
    extradata = fields.block(limits.extradata_bytes)
    parameters: dict[str, str | int] = {}
    count = at_most(fields.varint(), limits.parameters_per_track, "the number of a track's parameters")
    for _ in range(count):
        name, type_ = fields.text(limits.text_bytes), fields.u8()
        if type_ > TEXT or name in parameters:
            raise BitstreamError(f"the parameter {name!r} of a track is of unknown type or there twice")
        parameters[name] = fields.text(limits.text_bytes) if type_ == TEXT else fields.svarint()
    language, title = fields.text(limits.text_bytes), fields.text(limits.text_bytes)
    return TrackHeader(KINDS[kind], codec, time_base, extradata, parameters, language, title, bool(default))


def encode_packets(chunk: PacketChunk, limits: Limits) -> bytes:
    """The body of a chunk of packets."""
    at_most(len(chunk.packets), limits.packets_per_chunk, "the number of packets of a chunk")
    fields = FieldWriter()
    fields.varint(len(chunk.packets))
    last: dict[int, PacketRecord] = {}
    for packet in chunk.packets:
        _write_packet(fields, packet, last.get(packet.track), limits)
        last[packet.track] = packet
    return bytes(fields.data)


def decode_packets(body: bytes, limits: Limits) -> PacketChunk:
    """Mirror of `encode_packets`."""
    fields = FieldReader(body)
    packets: list[PacketRecord] = []
    last: dict[int, PacketRecord] = {}
    for _ in range(at_most(fields.varint(), limits.packets_per_chunk, "the number of packets of a chunk")):
        packets.append(_read_packet(fields, last, limits))
        last[packets[-1].track] = packets[-1]
    fields.end()
    return PacketChunk(tuple(packets))


def _write_packet(
    fields: FieldWriter, packet: PacketRecord, before: PacketRecord | None, limits: Limits
) -> None:
    expected = _expected(before)
    flags = KEYFRAME * packet.keyframe
    steady = before is not None and packet.duration == before.duration
    if steady and packet.pts == packet.dts == expected:
        fields.varint(packet.track * FLAGS + flags + STEADY)
    else:
        flags += HAS_PTS * (packet.pts is not None) + HAS_DTS * (packet.dts is not None)
        fields.varint(packet.track * FLAGS + flags)
        for time in (packet.pts, packet.dts):
            if time is not None:
                fields.svarint(time - expected)
                expected = time
        fields.varint(packet.duration)
    fields.block(packet.data, limits.chunk_bytes)


def _read_packet(fields: FieldReader, last: dict[int, PacketRecord], limits: Limits) -> PacketRecord:
    track, flags = divmod(fields.varint(), FLAGS)
    before = last.get(track)
    expected = _expected(before)
    times: list[int | None] = [expected, expected]
    if flags & STEADY:
        if before is None or flags & (HAS_PTS | HAS_DTS):
            raise BitstreamError("a packet goes on from one that is not there")
        duration = before.duration
    else:
        for index, has_time in enumerate((HAS_PTS, HAS_DTS)):
            if flags & has_time:
                expected += fields.svarint()
            times[index] = expected if flags & has_time else None
        duration = fields.varint()
    for time in (*times, expected, duration):
        in_64_bits(time or 0, "the time of a packet")
    data = fields.block(limits.chunk_bytes)
    return PacketRecord(track, times[0], times[1], duration, bool(flags & KEYFRAME), data)


def _expected(before: PacketRecord | None) -> int:
    """The time at which a packet starts if it follows at once on the one before."""
    if before is None:
        return 0
    start = before.pts if before.pts is not None else before.dts
    return (start or 0) + before.duration
