"""The frame of every chunk: where it begins, what it is, how long, and whether it is undamaged.

sync (4) · type (1) · length of the body (varint) · body · CRC-32C of type, length and body (4)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .crc import crc32c
from .errors import BitstreamError, TruncatedFile
from .fields import FieldReader, FieldWriter
from .limits import Limits, at_most
from .source import ByteSource

SYNC = b"\xf5MGC"  # 0xF5 is in no UTF-8 text
CRC_BYTES = 4
LENGTH_BYTES = 5  # at most
LEAD_BYTES = len(SYNC) + 2  # with the type and the first byte of the length

HEADER, GOP, PACKETS, PARITY, WHOLE, INDEX = b"H", b"G", b"P", b"R", b"S", b"I"
CHECKS, FILLER = b"C", b"F"


@dataclass(frozen=True)
class Chunk:
    """A chunk whose checksum is right: its type, its body and the place in the file where it begins.

    `raw` is all of it as it stands there, in parts.
    """

    type: bytes
    body: bytes
    offset: int
    raw: tuple[bytes, ...] = field(default=(), repr=False, compare=False)

    @property
    def end(self) -> int:
        """The place in the file after it."""
        return self.offset + sum(map(len, self.raw))


def encode_chunk(type_: bytes, body: bytes, limits: Limits) -> bytes:
    """All bytes of a chunk."""
    fields = FieldWriter()
    fields.raw(type_)
    fields.varint(at_most(len(body), limits.chunk_bytes, "the size of a chunk"))
    fields.raw(body)
    crc = crc32c(bytes(fields.data))
    fields.u32(crc)
    return SYNC + bytes(fields.data)


def chunk_size(body_size: int) -> int:
    """Bytes of a chunk with a body of that size."""
    fields = FieldWriter()
    fields.varint(body_size)
    return len(SYNC) + 1 + len(fields.data) + body_size + CRC_BYTES


def read_chunk(source: ByteSource, limits: Limits) -> Chunk | None:
    """Mirror of `encode_chunk`: the chunk that begins where `source` stands, None at the end of the file.

    After an error `source` stands one byte after where the chunk began, ready to look for the next.
    """
    offset = source.offset
    if not (lead := source.read(LEAD_BYTES)):
        return None
    taken = [lead]

    def take(size: int) -> bytes:
        taken.append(source.read(size))
        if len(taken[-1]) < size:
            raise TruncatedFile(f"the file ends after {source.offset - offset} bytes of it")
        return taken[-1]

    try:
        type_, length, size = _take_head(lead, take, limits)
        body, crc = take(size), int.from_bytes(take(CRC_BYTES), "little")
        if crc != crc32c(body, crc32c(type_ + length)):
            raise BitstreamError("it is damaged (its checksum does not match)")
        return Chunk(type_, body, offset, tuple(taken))
    except BitstreamError:
        source.unread(b"".join(taken)[1:])
        raise


def read_head(source: ByteSource, limits: Limits) -> tuple[bytes, int]:
    """Type and size of the whole chunk that begins where `source` stands. Nothing tells whether it is damaged."""

    def take(size: int) -> bytes:
        if len(data := source.read(size)) < size:
            raise TruncatedFile("the file ends inside its first bytes")
        return data

    type_, _, size = _take_head(source.read(LEAD_BYTES), take, limits)
    return type_, chunk_size(size)


def _take_head(lead: bytes, take: Callable[[int], bytes], limits: Limits) -> tuple[bytes, bytes, int]:
    """Type, length as it is spelt, and length of the chunk that begins with `lead`."""
    if not SYNC.startswith(lead[: len(SYNC)]):
        raise BitstreamError("no chunk begins here")
    if len(lead) < LEAD_BYTES:
        lead += take(LEAD_BYTES - len(lead))
    type_, length = lead[len(SYNC) : -1], lead[-1:]
    while length[-1] & 0x80 and len(length) < LENGTH_BYTES:
        length += take(1)
    return type_, length, at_most(FieldReader(length).varint(), limits.chunk_bytes, "its size")
