"""What is fuzzed: any bytes at all, and the errors they may end in."""

from __future__ import annotations

import io
from fractions import Fraction

from nvcodec.bitstream import BitstreamError, ContainerReader, Damage, Excerpt, GopChunk, cut, recovered, repair, verify
from nvcodec.bitstream.chunk import CRC_BYTES, LENGTH_BYTES, SYNC
from nvcodec.bitstream.crc import crc32c

PART_S = Fraction(1, 5)


def container(data: bytes) -> None:
    """Read, verify, recover, repair, cut and look up in `data`.

    BitstreamError is the one way out that a wrong file has; and what was repaired is whole.
    """
    strict = damage_of_reading(data)
    try:
        report = verify(io.BytesIO(data))
        assert report.whole == (strict is None), "verify and reading do not agree"
    except BitstreamError:
        assert strict is not None, "verify refuses what can be read"
    _look_up(data)
    _recover(data)
    _repair(data)
    _cut(data)


def damage_of_reading(data: bytes) -> BitstreamError | None:
    """The first error of a reader that stops there."""
    try:
        for _ in ContainerReader(io.BytesIO(data)).chunks():
            pass
    except BitstreamError as error:
        return error
    return None


def _look_up(data: bytes) -> None:
    try:
        reader = ContainerReader(io.BytesIO(data))
        for entry in reader.index().entries[:4]:
            reader.read_gop(entry)
    except BitstreamError:
        pass


def _recover(data: bytes) -> None:
    damage = Damage()
    try:
        reader = ContainerReader(io.BytesIO(data), damage=damage.errors)
        for _ in recovered(reader, damage, torn=True):
            pass
        part = Excerpt(ContainerReader(io.BytesIO(data), damage=damage.errors), PART_S, PART_S, damage)
        for _ in part:
            pass
    except BitstreamError:
        pass


def _repair(data: bytes) -> None:
    target = io.BytesIO()
    try:
        repair(io.BytesIO(data), target)
    except BitstreamError:
        return
    assert damage_of_reading(target.getvalue()) is None, "what was repaired is not whole"


def _cut(data: bytes) -> None:
    target = io.BytesIO()
    try:
        cut(io.BytesIO(data), target, PART_S, PART_S)
    except BitstreamError:
        return
    gops = [
        content for content in ContainerReader(io.BytesIO(target.getvalue())).chunks() if isinstance(content, GopChunk)
    ]
    assert gops, "a cut without a picture"


def with_right_checksums(data: bytes) -> bytes:
    """`data` with the checksum of everything that looks like a chunk made right, or no mutation would get past them."""
    out, at = bytearray(data), data.find(SYNC)
    while at >= 0:
        size = shift = 0
        begin = at + len(SYNC) + 1
        for byte in out[begin : begin + LENGTH_BYTES]:
            begin, size, shift = begin + 1, size | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                break
        end = begin + size
        if end + CRC_BYTES <= len(out):
            out[end : end + CRC_BYTES] = crc32c(bytes(out[at + len(SYNC) : end])).to_bytes(CRC_BYTES, "little")
        else:
            end = at + 1
        at = out.find(SYNC, end)
    return bytes(out)
