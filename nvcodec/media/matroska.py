"""The few bytes of Matroska that PyAV cannot write: a header for one bare track, and the shape of pixels.

Element numbers and layout: RFC 8794 (EBML) and RFC 9559 (Matroska).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction

EBML, DOC_TYPE = 0x1A45DFA3, 0x4282
SEGMENT, SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
INFO, TIMESTAMP_SCALE, VOID = 0x1549A966, 0x2AD7B1, 0xEC
TRACKS, TRACK_ENTRY, TRACK_NUMBER, TRACK_UID, TRACK_TYPE = 0x1654AE6B, 0xAE, 0xD7, 0x73C5, 0x83
CODEC_ID, CODEC_DELAY = 0x86, 0x56AA
AUDIO, SAMPLING_FREQUENCY, CHANNELS, BIT_DEPTH = 0xE1, 0xB5, 0x9F, 0x6264
VIDEO, DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = 0xE0, 0x54B0, 0x54BA, 0x54B2
CLUSTER, TIMESTAMP = 0x1F43B675, 0xE7

DISPLAY_UNIT_ASPECT_RATIO = 3
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7

AUDIO_TRACK, SUBTITLE_TRACK = 2, 17


def element(number: int, body: bytes, width: int = 8) -> bytes:
    """One EBML element, its size in `width` bytes."""
    size = (1 << 7 * width | len(body)).to_bytes(width, "big")
    return number.to_bytes((number.bit_length() + 7) // 8, "big") + size + body


def void(length: int) -> bytes:
    """Padding of `length` bytes in all, at least 9."""
    return element(VOID, bytes(length - 9))


def unsigned(number: int, value: int) -> bytes:
    """One EBML element that holds an unsigned integer."""
    return element(number, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def children(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(number, start, start of body, end) of each element that lies whole in `data`, front to back."""
    start = 0
    while start < len(data):
        width = 9 - data[start].bit_length()  # a number keeps its length marker, as everywhere in Matroska
        number, after = int.from_bytes(data[start : start + width], "big"), start + width
        if after >= len(data):
            return
        width = 9 - data[after].bit_length()
        size = int.from_bytes(data[after : after + width], "big") & ((1 << 7 * width) - 1)
        body = after + width
        if number == SEGMENT:  # step into it: its children are what is looked for
            yield number, start, body, body
            start = body
            continue
        if body + size > len(data):
            return
        yield number, start, body, body + size
        start = body + size


def header_length(data: bytes) -> int | None:
    """Length of what is before the first cluster; None when `data` does not reach so far."""
    length = 0
    for number, start, _, end in children(data):
        if number == CLUSTER:
            return start
        length = end
    return length if data[length : length + 4] == CLUSTER.to_bytes(4, "big") else None


def bare_track(
    codec_id: str, *, sample_rate: int = 0, channels: int = 0, bits: int = 0, delay_ns: int = 0
) -> bytes:
    """A Matroska file of one track and no packets, from which FFmpeg makes a stream of that codec.

    Subtitles have a `sample_rate` of 0; `delay_ns` is the time of the samples to skip at the start.
    """
    kind = AUDIO_TRACK if sample_rate else SUBTITLE_TRACK
    track = unsigned(TRACK_NUMBER, 1) + unsigned(TRACK_UID, 1) + unsigned(TRACK_TYPE, kind)
    track += element(CODEC_ID, codec_id.encode())
    if delay_ns:
        track += unsigned(CODEC_DELAY, delay_ns)
    if sample_rate:
        audio = element(SAMPLING_FREQUENCY, struct.pack(">d", sample_rate)) + unsigned(CHANNELS, channels)
        track += element(AUDIO, audio + (unsigned(BIT_DEPTH, bits) if bits else b""))
    return b"".join(
        [
            element(EBML, element(DOC_TYPE, b"matroska")),
            SEGMENT.to_bytes(4, "big") + UNKNOWN_SIZE,
            element(INFO, unsigned(TIMESTAMP_SCALE, 1_000_000)),
            element(TRACKS, element(TRACK_ENTRY, track)),
            element(CLUSTER, unsigned(TIMESTAMP, 0)),
        ]
    )


def with_display_aspect(header: bytes, aspect: Fraction) -> bytes:
    """`header` (a file up to its first cluster) with the video shown at `aspect`, width to height.

    Where the header has a seek table, the bytes added are taken from the padding behind it, so that nothing
    after the header moves (when there is not enough, the header stays as it is); without one, in a stream,
    the header grows.
    """
    parts = [(number, header[start:end]) for number, start, _, end in children(header)]
    found = {number: header[body:end] for number, _, body, end in children(header)}
    tracks = element(TRACKS, _tracks_with_aspect(found[TRACKS], aspect))
    grown = len(tracks) - len(dict(parts)[TRACKS])
    seekable = SEEK_HEAD in found
    padding = next((len(raw) for number, raw in parts if number == VOID), 0)
    if seekable and not 0 <= grown <= padding - 9:
        return header
    result = []
    for number, raw in parts:
        if number == TRACKS:
            result.append(tracks)
        elif number == SEEK_HEAD:
            result.append(_seek_head_moved(raw, grown))
        elif number == VOID and seekable and grown:
            result.append(void(len(raw) - grown))
            grown = 0
        else:
            result.append(raw)
    return b"".join(result)


def _tracks_with_aspect(tracks: bytes, aspect: Fraction) -> bytes:
    """Body of the Tracks element, the shape of its video track's pictures replaced."""
    entries = b""
    for number, start, body, end in children(tracks):
        if number != TRACK_ENTRY or VIDEO not in (child for child, *_ in children(tracks[body:end])):
            entries += tracks[start:end]
            continue
        entry = b""
        for child, child_start, child_body, child_end in children(tracks[body:end]):
            raw = tracks[body + child_start : body + child_end]
            if child == VIDEO:
                video = tracks[body + child_body : body + child_end]
                kept = [
                    video[a:b]
                    for n, a, _, b in children(video)
                    if n not in (DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT)
                ]
                shape = unsigned(DISPLAY_WIDTH, aspect.numerator) + unsigned(
                    DISPLAY_HEIGHT, aspect.denominator
                )
                raw = element(
                    VIDEO, b"".join(kept) + shape + unsigned(DISPLAY_UNIT, DISPLAY_UNIT_ASPECT_RATIO)
                )
            entry += raw
        entries += element(TRACK_ENTRY, entry)
    return entries


def _seek_head_moved(seek_head: bytes, moved: int) -> bytes:
    """The seek table with Info and Tracks `moved` bytes nearer to the front."""
    table = bytearray(seek_head)
    (_, _, table_body, _) = next(children(seek_head))
    for number, _, body, end in children(seek_head[table_body:]):
        if number != SEEK:
            continue
        entry = seek_head[table_body + body : table_body + end]
        fields = {n: (b, e) for n, _, b, e in children(entry)}
        identity, position = fields[SEEK_ID], fields[SEEK_POSITION]
        if int.from_bytes(entry[slice(*identity)], "big") in (INFO, TRACKS):
            place = slice(table_body + body + position[0], table_body + body + position[1])
            value = int.from_bytes(table[place], "big") - moved
            table[place] = value.to_bytes(position[1] - position[0], "big")
    return bytes(table)
