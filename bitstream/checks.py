"""What is left of a damaged GOP: its head a second time and checksums of its payload's blocks, in a chunk before it.

The words of a payload are decoded from its beginning (`ans.py`). So wherever it was cut off or damaged, the blocks
before the first that is not what it was decode to the first latent frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .chunk import CHECKS, CRC_BYTES, chunk_size, encode_chunk
from .crc import crc32c
from .errors import BitstreamError
from .fields import FieldReader, FieldWriter
from .gop import GopChunk, decode_gop, encode_gop
from .limits import Limits, at_most
from .source import ByteSource

WORTH = 100  # a chunk of checks is written where the payload is as many times as large
SMALLEST = 1024  # bytes of a block; twice as many as long as there would be more than
BLOCKS = 32


@dataclass(frozen=True)
class GopChecks:
    """The GOP that follows without its payload, the payload's size in bytes, and the CRC-32C of each of its blocks."""

    head: GopChunk
    size: int
    crcs: tuple[int, ...]


@dataclass(frozen=True)
class TornGop:
    """A damaged GOP. `gop.payload` is what is left of its payload, its beginning, and known to be undamaged.

    `missing` bytes behind that are lost, at least one, for the `reason`.
    """

    gop: GopChunk
    missing: int
    reason: str = ""

    @property
    def pts(self) -> tuple[int, ...]:
        """Of all its frames, those that are lost, too."""
        return self.gop.pts

    @property
    def begin(self) -> int:
        """The time at which the first frame begins."""
        return self.gop.begin

    @property
    def duration(self) -> int:
        """Of its last frame."""
        return self.gop.duration

    @property
    def end(self) -> int:
        """The time at which the last frame ends."""
        return self.gop.end


def checks_chunk(gop: GopChunk, limits: Limits) -> bytes:
    """All bytes of the chunk for a GOP; none where they are not worth it."""
    chunk = encode_chunk(CHECKS, encode_checks(checks_of(gop), limits), limits)
    return chunk if WORTH * len(chunk) <= len(gop.payload) else b""


def checks_of(gop: GopChunk) -> GopChecks:
    """Those of a GOP that is whole."""
    size = len(gop.payload)
    step = _block_bytes(size)
    crcs = tuple(crc32c(gop.payload[at : at + step]) for at in range(0, size, step))
    return GopChecks(replace(gop, payload=b""), size, crcs)


def encode_checks(checks: GopChecks, limits: Limits) -> bytes:
    """The body of their chunk."""
    fields = FieldWriter()
    fields.varint(checks.size)
    for crc in checks.crcs:
        fields.u32(crc)
    fields.raw(encode_gop(checks.head, limits))
    return bytes(fields.data)


def decode_checks(body: bytes, limits: Limits) -> GopChecks:
    """Mirror of `encode_checks`."""
    fields = FieldReader(body)
    size = at_most(fields.varint(), limits.chunk_bytes, "the size of a payload")
    crcs = tuple(fields.u32() for _ in range(-(-size // _block_bytes(size))))
    head = decode_gop(fields.rest(), limits)
    if head.payload:
        raise BitstreamError("the checks of a GOP have bytes of its payload")
    return GopChecks(head, size, crcs)


def rest_of(checks: GopChecks, source: ByteSource, limits: Limits) -> GopChunk | TornGop | None:
    """What is left of a GOP whose chunk could not be read; None if nothing is.

    `source` stands one byte after where the chunk begins, and then behind what is left, or again where it stood.
    The GOP itself where all of its payload is left, whatever became of the rest of its chunk.
    """
    head = len(encode_gop(checks.head, limits))
    before = source.read(chunk_size(head + checks.size) - checks.size - CRC_BYTES - 1)
    step, payload = _block_bytes(checks.size), bytearray()
    for crc in checks.crcs:
        block = source.read(min(step, checks.size - len(payload)))
        if crc32c(block) != crc:
            source.unread(block)
            break
        payload += block
    if not payload:
        source.unread(before)
        return None
    gop = replace(checks.head, payload=bytes(payload))
    return TornGop(gop, checks.size - len(payload)) if len(payload) < checks.size else gop


def _block_bytes(size: int) -> int:
    step = SMALLEST
    while step * BLOCKS < size:
        step *= 2
    return step
