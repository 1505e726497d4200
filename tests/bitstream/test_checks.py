"""What is left of a damaged GOP: all that is known to be undamaged, and never a byte that is not."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvcodec.bitstream import (
    BitstreamError,
    ContainerReader,
    Damage,
    Excerpt,
    GopChunk,
    Limits,
    LostGop,
    TornGop,
    recovered,
    repair,
    verify,
)
from nvcodec.bitstream.checks import BLOCKS, checks_chunk, checks_of, decode_checks, encode_checks, rest_of
from nvcodec.bitstream.chunk import CRC_BYTES

from .film import HEADER, Edit, gop_at, recover
from .samples import write
from .second_reader import Fields, crc32c, read_file
from .test_container import Pipe

SIZE, BLOCK = 20_000, 1024
GOPS = [gop_at(second, SIZE) for second in range(4)]
CRC = bytes(CRC_BYTES)  # of the GOP's chunk, which stands between payload and checks


FILM = write(replace(HEADER, tracks=()), [*GOPS])
BEGINS = [entry.offset for entry in ContainerReader(io.BytesIO(FILM)).index().entries]


def contents(data: bytes) -> list[object]:
    return [*recover(data, torn=True)[0]]


def flipped(data: bytes, at: int) -> bytes:
    return Edit("flip", at, at + 1).of(data)


@pytest.mark.parametrize("size", [1, 1024, 1025, 8000, 32 * 1024, 32 * 1024 + 1, 200_000])
def test_checks_come_back(size: int) -> None:
    checks = checks_of(gop_at(3, size))
    assert len(checks.crcs) <= BLOCKS
    assert decode_checks(encode_checks(checks, Limits()), Limits()) == checks


def test_checks_take_no_more_than_one_per_cent_and_small_gops_do_without() -> None:
    sizes = range(1000, 100_000, 1000)
    chunks = {size: len(checks_chunk(gop_at(0, size), Limits())) for size in sizes}
    assert all(100 * chunk <= size for size, chunk in chunks.items())
    assert not chunks[4000] and all(chunks[size] for size in sizes if size >= 8000)


def test_an_old_reader_passes_over_checks() -> None:
    found = read_file(FILM)
    assert [kind for kind, _ in found] == ["H", *4 * ["G", "C"], "S", "I"]
    assert [fields["payload"] for kind, fields in found if kind == "G"] == [gop.payload for gop in GOPS]


@given(data=st.data())
def test_what_is_left_is_the_end_of_the_payload_from_the_first_block_on_behind_all_damage(data: st.DataObject) -> None:
    gop = GOPS[0]
    checks = checks_of(gop)
    kind = data.draw(st.sampled_from(["flip", "drop", "double", "cut"]))
    begin = data.draw(st.integers(0, SIZE - 1))
    end = min(SIZE, begin + data.draw(st.integers(1, 300)))
    before, middle, after = gop.payload[:begin], gop.payload[begin:end], gop.payload[end:]
    damaged = {
        "flip": before + bytes(byte ^ 64 for byte in middle) + after,
        "drop": before + after,
        "double": before + 2 * middle + after,
        "cut": after,
    }[kind]
    rest = rest_of(checks, b"junk" + damaged + CRC)
    first = -(-end // BLOCK) * BLOCK  # the first block that begins behind the damage
    if kind == "double":  # all that is doubled is there, too
        first = -(-begin // BLOCK) * BLOCK
    if first >= SIZE:
        assert rest is None or (isinstance(rest, TornGop) and gop.payload.endswith(rest.gop.payload))
        return
    assert rest is not None
    torn = rest.gop if isinstance(rest, TornGop) else rest
    missing = rest.missing if isinstance(rest, TornGop) else 0
    assert torn.payload == gop.payload[missing:] and missing <= first
    assert replace(torn, payload=b"") == replace(gop, payload=b"")


def test_damage_at_every_kind_of_place_costs_what_is_before_it_and_no_more() -> None:
    for at, missing in ((100, 1024), (5000, 5120), (19_000, 19_456)):
        found = contents(flipped(FILM, BEGINS[2] - SIZE + at - 150))
        torn = found[1]
        assert isinstance(torn, TornGop) and torn.missing == missing and "damaged" in torn.reason
        assert found[0] == GOPS[0] and found[2:] == GOPS[2:]


def test_a_damaged_head_or_length_loses_no_picture() -> None:
    for at in (0, 4, 6, 9, 12):  # sync, type, length, head
        assert contents(flipped(FILM, BEGINS[1] + at)) == GOPS


def test_a_burst_over_the_border_of_two_gops_leaves_the_end_of_the_second() -> None:
    burst = FILM[: BEGINS[1] - 700] + random.Random(1).randbytes(1500) + FILM[BEGINS[1] + 800 :]
    one, two, *others = contents(burst)
    assert isinstance(one, LostGop) and one.pts == GOPS[0].pts
    assert isinstance(two, TornGop) and two.missing == 1024 and GOPS[1].payload.endswith(two.gop.payload)
    assert others == GOPS[2:]


def test_damaged_checks_lose_nothing_and_are_damage() -> None:
    at = BEGINS[1] - 20
    assert contents(flipped(FILM, at)) == GOPS
    assert not verify(io.BytesIO(flipped(FILM, at))).whole


def test_a_gop_that_is_there_twice_is_given_once() -> None:
    doubled = FILM[: BEGINS[1]] + FILM[BEGINS[0] : BEGINS[1]] + FILM[BEGINS[1] :]
    assert contents(doubled) == GOPS


def test_a_part_is_as_torn_as_the_whole() -> None:
    data, damage = flipped(FILM, BEGINS[1] + 9000), Damage()
    reader = ContainerReader(io.BytesIO(data), damage=damage.errors)
    torn, after = Excerpt(reader, Fraction(1), Fraction(2), damage)
    whole = contents(data)
    assert isinstance(torn, TornGop) and isinstance(whole[1], TornGop) and "damaged" in torn.reason
    assert (torn.gop, torn.missing, after) == (whole[1].gop, whole[1].missing, whole[2])


def test_a_pipe_is_as_torn_as_a_file() -> None:
    data, damage = flipped(FILM, BEGINS[1] + 9000), Damage()
    pipe = cast(BinaryIO, Pipe(data, step=1000))
    found = list(recovered(ContainerReader(pipe, damage=damage.errors), damage, torn=True))
    assert found == contents(data)


def test_repair_keeps_what_is_whole_and_gives_it_checks_again() -> None:
    target = io.BytesIO()
    repair(io.BytesIO(flipped(FILM, BEGINS[1] + 9000)), target)
    repaired = target.getvalue()
    assert contents(repaired) == [GOPS[0], *GOPS[2:]]
    begin = ContainerReader(io.BytesIO(repaired)).index().entries[1].offset
    assert isinstance(contents(flipped(repaired, begin + 9000))[1], TornGop)


def test_checks_are_what_the_specification_says_they_are() -> None:
    data = FILM[BEGINS[0] : BEGINS[1]]
    chunk = data[data.rindex(bytes.fromhex("F54D4743") + b"C") :]
    fields = Fields(chunk)
    fields.at = 5
    body = Fields(fields.block())
    size, payload = body.varint(), GOPS[0].payload
    block = next(step for step in (1024 << n for n in range(20)) if 32 * step >= size)
    assert size == len(payload)
    assert [body.number(4) for _ in range(-(-size // block))] == [
        crc32c(payload[at : at + block]) for at in range(0, size, block)
    ]
    assert data[data.index(payload) - len(body.data) + body.at :].startswith(body.data[body.at :] + payload)
    assert data.index(payload) + size + 4 == len(data) - len(chunk)


def test_checks_with_a_payload_of_their_own_are_refused() -> None:
    checks = checks_of(GOPS[0])
    with pytest.raises(BitstreamError, match="bytes of its payload"):
        decode_checks(encode_checks(checks, Limits()) + b"\1", Limits())


def test_what_follows_a_whole_gop_is_no_second_one() -> None:
    found = list(ContainerReader(io.BytesIO(FILM)).chunks())
    assert all(isinstance(content, GopChunk) for content in found) and found == GOPS
