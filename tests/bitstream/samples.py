"""Files to test with: one with as little as possible, one with something of everything."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
from nvcodec.bitstream import (
    ContainerReader,
    ContainerWriter,
    GopChunk,
    PacketChunk,
    PacketRecord,
    StreamHeader,
    TrackHeader,
    crc32c,
    encode_groups,
)

from .second_reader import read_file

Contents = list[GopChunk | PacketChunk]
Groups = list[tuple[np.ndarray, np.ndarray]]

MODEL_ID = bytes(range(16))


def groups_of(seed: int, count: int = 300) -> Groups:
    """Two groups of bits with probabilities, made of plain integers: the same everywhere."""
    value, numbers = seed, []
    for _ in range(2 * count):
        value = (value * 6364136223846793005 + 1442695040888963407) % 2**64  # Knuth's MMIX
        numbers.append(value >> 48)
    p = np.maximum(np.array(numbers[:count]), 1).astype(np.uint16)
    bits = (np.array(numbers[count:]) < p).astype(np.uint8)
    return [(bits[: count // 3], p[: count // 3]), (bits[count // 3 :], p[count // 3 :])]


def planes_crc_of(groups: Groups) -> int:
    return crc32c(b"".join(bits.tobytes() for bits, _ in groups))


def gop_of(seed: int, pts: tuple[int, ...], duration: int) -> GopChunk:
    groups = groups_of(seed)
    counts = bytes([5, 3, 15])
    return GopChunk(pts, duration, 50 + seed, 60 + seed, counts, planes_crc_of(groups), encode_groups(groups))


PLAIN_HEADER = StreamHeader(
    width=176, height=144, time_base=Fraction(1, 15360), model_id=MODEL_ID, frame_rate=Fraction(30)
)
PLAIN_CONTENTS: Contents = [gop_of(1, tuple(range(0, 17 * 512, 512)), 512)]

FULL_HEADER = StreamHeader(
    width=1439,
    height=1080,
    time_base=Fraction(1, 1000),
    model_id=MODEL_ID[::-1],
    frame_rate=Fraction(30000, 1001),
    sample_aspect_ratio=Fraction(4, 3),
    rotation=-90,
    chroma="422",
    bit_depth=10,
    primaries=9,
    transfer=16,
    matrix=9,
    full_range=True,
    chroma_location=3,
    interlaced=True,
    tokens=True,
    tracks=(
        TrackHeader(
            kind="audio",
            codec="aac",
            time_base=Fraction(1, 48000),
            extradata=bytes.fromhex("1190"),
            parameters={"sample_rate": 48000, "channels": 2, "layout": "stereo", "offset": -7},
            language="deu",
            title="Ton",
            default=True,
        ),
        TrackHeader(kind="subtitle", codec="subrip", time_base=Fraction(1, 1000)),
    ),
    tags={"title": "Lichtspiel ☀", "comment": ""},
)
FULL_CONTENTS: Contents = [
    PacketChunk(
        (
            PacketRecord(0, -1024, -1024, 1024, True, b"first"),
            PacketRecord(0, 0, 0, 1024, True, b"goes on"),
            PacketRecord(1, 500, 500, 2000, True, "Grüß Gott".encode()),
            PacketRecord(0, 1024, 1024, 1024, False, b""),
            PacketRecord(0, None, 3000, 0, False, b"no pts"),
            PacketRecord(0, 3003, None, 5, False, b"no dts"),
            PacketRecord(0, None, None, 5, False, b"no time"),
        )
    ),
    gop_of(2, tuple(1000 * 1001 * i // 30000 for i in range(9)), 33),  # milliseconds at 29.97 frames a second
    PacketChunk(()),
    gop_of(3, (301, 302, 400, 1000, 1001), 0),  # no rate at all
    gop_of(4, (5000,), 40),
]


def write(header: StreamHeader, contents: Contents, parity: int | None = None) -> bytes:
    file = io.BytesIO()
    writer = ContainerWriter(file, parity=parity)
    writer.write_header(header)
    for content in contents:
        if isinstance(content, GopChunk):
            writer.write_gop(content)
        else:
            writer.write_packets(content)
    writer.finish()
    return file.getvalue()


def without_hash(data: bytes) -> bytes:
    """A whole file less its hash, which stands between the last content and the index: as the first version wrote."""
    begin, end = hash_place(data)
    return data[:begin] + data[end:]


def hash_place(data: bytes) -> tuple[int, int]:
    """Where the hash of a whole file begins, and where the index behind it does."""
    begin, end = (fields["begin"] for kind, fields in read_file(data) if kind in "SI")
    return begin, end


def read(data: bytes) -> tuple[StreamHeader, Contents]:
    reader = ContainerReader(io.BytesIO(data))
    return reader.header, list(reader.chunks())
