"""What is fuzzed: any bytes at all, and the errors they may end in."""

from __future__ import annotations

import io
from fractions import Fraction

from nvcodec.bitstream import (
    BitstreamError,
    ContainerReader,
    Damage,
    Excerpt,
    GopChunk,
    PacketChunk,
    PacketRecord,
    cut,
    recovered,
    repair,
    verify,
)
from nvcodec.bitstream.chunk import CRC_BYTES, LENGTH_BYTES, SYNC
from nvcodec.bitstream.crc import crc32c

PART_S = Fraction(1, 5)

Contents = list[GopChunk | PacketChunk]


def container(data: bytes) -> None:
    """Read, verify, recover, repair, cut and look up in `data`.

    BitstreamError is the one way out that a wrong file has. What can be read up to there is recovered, and what was
    repaired is whole; of a whole file all of them give what reading gives, and nothing is amiss.
    """
    contents, error = read_until_damage(data)
    whole = error is None
    try:
        report = verify(io.BytesIO(data))
        assert report.whole == whole, "verify and reading do not agree"
        assert not whole or report.gops == len(gops_of(contents)), "verify counts other groups than reading gives"
    except BitstreamError:
        assert not whole, "verify refuses what can be read"
    _look_up(data, contents, whole)
    _recover(data, contents, whole)
    _repair(data, contents, whole)
    _cut(data, contents, whole)


def read_until_damage(data: bytes) -> tuple[Contents, BitstreamError | None]:
    """What a reader gives that stops at the first error, and that error."""
    contents: Contents = []
    try:
        for content in ContainerReader(io.BytesIO(data)).chunks():
            contents.append(content)
    except BitstreamError as error:
        return contents, error
    return contents, None


def gops_of(contents: Contents) -> list[GopChunk]:
    """The groups of pictures among contents."""
    return [content for content in contents if isinstance(content, GopChunk)]


def _packets_of(contents: Contents) -> list[PacketRecord]:
    return [packet for content in contents if isinstance(content, PacketChunk) for packet in content.packets]


def _without_doubles(contents: Contents) -> Contents:
    """As recovery gives them: packets with times that are there twice, to the bit, once."""
    kept: Contents = []
    seen: set[PacketChunk] = set()
    for content in contents:
        if isinstance(content, PacketChunk) and any(p.pts is not None or p.dts is not None for p in content.packets):
            if content in seen:
                continue
            seen.add(content)
        kept.append(content)
    return kept


def _look_up(data: bytes, contents: Contents, whole: bool) -> None:
    try:
        reader = ContainerReader(io.BytesIO(data))
        found = [reader.read_gop(entry) for entry in reader.index().entries[:4]]
    except BitstreamError:
        assert not whole, "the index of a whole file is refused"
        return
    assert not whole or found == gops_of(contents)[:4], "the index leads to other groups than reading gives"


def _recover(data: bytes, contents: Contents, whole: bool) -> None:
    damage = Damage()
    try:
        reader = ContainerReader(io.BytesIO(data), damage=damage.errors)
        found = list(recovered(reader, damage, torn=True))
        sound = [content for content in found if isinstance(content, (GopChunk, PacketChunk))]
        once = _without_doubles(contents)
        assert sound[: len(once)] == once, "what can be read is not recovered"
        doubles = len(contents) - len(once)
        assert not whole or (found == once and len(damage.errors) == doubles), "a whole file is said to be damaged"
    except BitstreamError:
        assert not contents, "what can be read is refused by recovery"
        return
    try:
        for _ in Excerpt(ContainerReader(io.BytesIO(data), damage=damage.errors), PART_S, PART_S, damage):
            pass
    except BitstreamError:
        pass


def _repair(data: bytes, contents: Contents, whole: bool) -> None:
    target = io.BytesIO()
    try:
        repair(io.BytesIO(data), target)
    except BitstreamError:
        assert not whole, "a whole file is not repaired"
        return
    repaired, error = read_until_damage(target.getvalue())
    contents = _without_doubles(contents)
    assert error is None, "what was repaired is not whole"
    assert not whole or (gops_of(repaired), _packets_of(repaired)) == (gops_of(contents), _packets_of(contents)), (
        "a whole file is repaired to another"
    )


def _cut(data: bytes, contents: Contents, whole: bool) -> None:
    target = io.BytesIO()
    try:
        cut(io.BytesIO(data), target, PART_S, PART_S)
    except BitstreamError:
        return
    made, error = read_until_damage(target.getvalue())
    payloads = [gop.payload for gop in gops_of(made)]
    assert error is None and payloads, "a cut without a picture, or damaged"
    before = [gop.payload for gop in gops_of(contents)]
    runs = [before[begin : begin + len(payloads)] for begin in range(len(before))]
    assert not whole or payloads in runs, "a cut of other groups than the file has, or in another order"


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
