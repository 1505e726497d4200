"""Parity: how the bytes of a file are divided so that some of them can be lost, and what is kept to bring them back.

A *group* is a run of the file's bytes, cut into shards. Every so many-th shard belongs to the same *stripe*, so that a
run of lost bytes takes few of each. A stripe of k data shards has m parity shards, and any k of all these tell the
others (`reed_solomon.py`). Where a group lies and how much parity it has says the rest: it is the same for writer and
reader.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from .chunk import PARITY, encode_chunk
from .crc import crc32c
from .errors import BitstreamError
from .fields import FieldReader, FieldWriter
from .limits import Limits, at_most
from .reed_solomon import MOST_SHARDS, data_shards, parity_shards

WHOLE = 10000  # of this, `share` is how much parity there is: 5 % are 500
SHARDS = 512  # about so many of a group, within these sizes: small ones bear more flipped bits, large ones cost less
SMALLEST, LARGEST = 256, 1024
CRC_BYTES = 4


@dataclass(frozen=True)
class Group:
    """The bytes of a file from `begin` on, `size` of them, with parity `share` / 10000 as large as they are."""

    begin: int
    size: int
    share: int

    @property
    def end(self) -> int:
        """The place after its last byte."""
        return self.begin + self.size

    @cached_property
    def shard_bytes(self) -> int:
        """Of every shard."""
        if self.size < SMALLEST:
            return self.size
        size = SMALLEST
        while size < LARGEST and size * SHARDS < self.size:
            size *= 2
        return size

    @cached_property
    def stripes(self) -> int:
        """Shard i belongs to stripe i mod this."""
        shards = -(-self.size // self.shard_bytes)
        return -(-shards // ((MOST_SHARDS - 2) * WHOLE // (WHOLE + self.share)))  # 2: `parity` is rounded up twice

    @cached_property
    def data(self) -> int:
        """Data shards of every stripe. Before the group's bytes are thought zeros, to fill them all."""
        return -(-self.size // (self.shard_bytes * self.stripes))

    @cached_property
    def parity(self) -> int:
        """Parity shards of every stripe: as many of it may be lost.

        Enough for any run of bytes `share` as long as the group, which may begin and end inside of shards, and may go
        on from data into parity: the last data shard is the last stripe's, the first parity shard the first's.
        """
        if self.share == WHOLE:
            return self.data
        run = -(-self.size * self.share // WHOLE)
        touched = -(-(run - 1) // self.shard_bytes) + 1
        return -(-touched // self.stripes)

    def place(self, stripe: int, number: int) -> tuple[int, int]:
        """Begin and end, counted from the group's begin, of a data shard of a stripe, without the zeros before it."""
        end = self.size - ((self.data - number) * self.stripes - stripe - 1) * self.shard_bytes
        return max(0, end - self.shard_bytes), max(0, end)

    @cached_property
    def order(self) -> tuple[tuple[int, int], ...]:
        """Stripe and number of all its chunks as they stand in the file: see `ParityChunk`."""
        return tuple((stripe, number) for number in range(self.parity + 2) for stripe in range(self.stripes))


@dataclass(frozen=True)
class ParityChunk:
    """One chunk of a group's parity.

    `number` 1 … `Group.parity` is that parity shard of the stripe. 0 and the one after these are both its table: the
    CRC-32C of every data shard, four bytes each, without zeros before it. It is there twice because without it nothing
    can be brought back.
    """

    group: Group
    stripe: int
    number: int
    data: bytes

    @property
    def is_table(self) -> bool:
        """Whether it holds checksums."""
        return self.number in (0, self.group.parity + 1)


def encode_parity(chunk: ParityChunk) -> bytes:
    """The body of a chunk of parity."""
    fields = FieldWriter()
    for value in (chunk.group.begin, chunk.group.size, chunk.group.share, chunk.stripe, chunk.number):
        fields.varint(value)
    fields.raw(chunk.data)
    return bytes(fields.data)


def decode_parity(body: bytes, limits: Limits) -> ParityChunk:
    """Mirror of `encode_parity`."""
    fields = FieldReader(body)
    begin = fields.varint()
    size = at_most(fields.varint(), limits.parity_group_bytes, "the size of a group with parity")
    share = at_most(fields.varint(), WHOLE, "the share of parity")
    if not size or not share or begin + size >= 1 << 63:
        raise BitstreamError("parity of nothing, of no amount or out of any file")
    group = Group(begin, size, share)
    stripe, number = fields.varint(), fields.varint()
    if stripe >= group.stripes or number > group.parity + 1:
        raise BitstreamError("parity of a part that its group does not have")
    chunk = ParityChunk(group, stripe, number, fields.rest())
    if len(chunk.data) != (CRC_BYTES * group.data if chunk.is_table else group.shard_bytes):
        raise BitstreamError("parity of another size than its group's")
    return chunk


def encode_section(group: Group, data: bytes, limits: Limits) -> list[bytes]:
    """All parity chunks of a group that holds `data`, in the order of `Group.order`."""
    tables, parity = [], []
    for stripe in range(group.stripes):
        shards = shards_of(group, stripe, data)
        tables.append(_table_of(shards))
        parity.append(parity_shards([_filled(shard, group) for shard in shards], group.parity))
    last = group.parity + 1
    return [
        encode_chunk(
            PARITY,
            encode_parity(
                ParityChunk(group, stripe, number, parity[stripe][number - 1] if 0 < number < last else tables[stripe])
            ),
            limits,
        )
        for stripe, number in group.order
    ]


def shards_of(group: Group, stripe: int, data: bytes) -> list[bytes]:
    """The data shards of a stripe; where `data` ends early, short or empty."""
    places = (group.place(stripe, number) for number in range(group.data))
    return [data[begin:end] for begin, end in places]


def restore_stripe(
    group: Group, stripe: int, data: bytes, table: bytes, left: Collection[int], parity: Callable[[int], bytes]
) -> dict[int, bytes] | None:
    """The data shards that are damaged in `data`, as they were: place in the group to bytes.

    `left` are the numbers of the parity shards that are, and `parity` reads one. None where they are too few.
    """
    shards = shards_of(group, stripe, data)
    crcs = [table[at : at + CRC_BYTES] for at in range(0, len(table), CRC_BYTES)]
    places = [group.place(stripe, number) for number in range(group.data)]
    sound = {
        number: _filled(shard, group)
        for number, (shard, crc, (begin, end)) in enumerate(zip(shards, crcs, places, strict=True))
        if len(shard) == end - begin and crc32c(shard).to_bytes(CRC_BYTES, "little") == crc
    }
    missing = [number for number in range(group.data) if number not in sound]
    if not missing:
        return {}
    if len(missing) > len(left):
        return None
    spare = sorted(left)[: len(missing)]
    known = sound | {group.data + number - 1: parity(number) for number in spare}
    decoded = data_shards(known, group.data, group.parity)
    restored = {}
    for number in missing:
        begin, end = places[number]
        shard = decoded[number][group.shard_bytes - (end - begin) :]
        if crc32c(shard).to_bytes(CRC_BYTES, "little") != crcs[number]:
            return None  # the parity is another's: only somebody who made it so can do that
        restored[begin] = shard
    return restored


def _table_of(shards: Sequence[bytes]) -> bytes:
    return b"".join(crc32c(shard).to_bytes(CRC_BYTES, "little") for shard in shards)


def _filled(shard: bytes, group: Group) -> bytes:
    return shard.rjust(group.shard_bytes, b"\0")
