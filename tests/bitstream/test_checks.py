"""What is left of a damaged GOP: all that is known to be undamaged, and never a byte that is not."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
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
    cut,
    recovered,
    repair,
    verify,
)
from nvcodec.bitstream.checks import BLOCKS, checks_chunk, checks_of, decode_checks, encode_checks, rest_of
from nvcodec.bitstream.chunk import CHECKS, CRC_BYTES, PACKETS, encode_chunk
from nvcodec.bitstream.source import ByteSource

from .film import HEADER, Edit, gop_at, recover
from .samples import write
from .second_reader import crc32c, read_file
from .test_container import Pipe

SIZE, BLOCK = 20_000, 1024
GOPS = [gop_at(second, SIZE) for second in range(4)]
SILENT = replace(HEADER, tracks=())
FILM = write(SILENT, [*GOPS])
BEGINS = [entry.offset for entry in ContainerReader(io.BytesIO(FILM)).index().entries]
PAYLOADS = [FILM.index(gop.payload) for gop in GOPS]
CHECKS_CHUNK = checks_chunk(GOPS[1], Limits())


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
    assert [kind for kind, _ in found] == ["H", *4 * ["C", "G"], "S", "I"]
    assert [fields["payload"] for kind, fields in found if kind == "G"] == [gop.payload for gop in GOPS]


@given(data=st.data())
def test_what_is_left_is_the_payload_up_to_the_first_block_with_damage(data: st.DataObject) -> None:
    gop = GOPS[1]
    kind = data.draw(st.sampled_from(["flip", "drop", "double", "cut"]))
    begin = data.draw(st.integers(0, SIZE - 1))
    end = min(SIZE, begin + data.draw(st.integers(1, 300)))
    damaged = Edit(kind, PAYLOADS[1] + begin, PAYLOADS[1] + end).of(FILM)
    source = ByteSource(io.BytesIO(damaged), 0)
    source.read(BEGINS[1] + 1)
    rest = rest_of(checks_of(gop), source, Limits())
    undamaged = end if kind == "double" else begin  # of two that are alike the first goes on from what is before
    if undamaged < BLOCK:
        assert rest is None and source.offset == BEGINS[1] + 1
        return
    assert isinstance(rest, TornGop) or kind == "drop" or end == SIZE
    torn = rest.gop if isinstance(rest, TornGop) else rest
    missing = rest.missing if isinstance(rest, TornGop) else 0
    assert torn is not None and torn.payload == gop.payload[: SIZE - missing]
    assert source.offset == PAYLOADS[1] + len(torn.payload) >= PAYLOADS[1] + undamaged // BLOCK * BLOCK
    assert replace(torn, payload=b"") == replace(gop, payload=b"")


def test_damage_at_every_kind_of_place_costs_what_is_behind_it_and_no_more() -> None:
    for at, left in ((1100, 1024), (15_000, 14_336), (19_990, 19_456)):
        found = contents(flipped(FILM, PAYLOADS[1] + at))
        torn = found[1]
        assert isinstance(torn, TornGop) and torn.missing == SIZE - left and "damaged" in torn.reason
        assert torn.gop.payload == GOPS[1].payload[:left]
        assert found[0] == GOPS[0] and found[2:] == GOPS[2:]


def test_of_a_file_that_ends_anywhere_all_is_left_up_to_the_last_whole_block() -> None:
    for size in [*range(BEGINS[1], len(FILM), len(FILM) // 100), PAYLOADS[2] + BLOCK - 1, PAYLOADS[2] + BLOCK]:
        found = contents(FILM[:size])
        whole = sum(payload + SIZE + CRC_BYTES <= size for payload in PAYLOADS)
        assert found[:whole] == GOPS[:whole]
        left = (size - PAYLOADS[whole]) // BLOCK * BLOCK if whole < len(GOPS) else 0
        if left <= 0:
            assert len(found) == whole
        elif size >= PAYLOADS[whole] + SIZE:  # but not to the end of its chunk
            assert found[whole:] == [GOPS[whole]]
        else:
            (torn,) = found[whole:]
            assert isinstance(torn, TornGop) and "the file ends" in torn.reason
            assert torn.gop.payload == GOPS[whole].payload[:left] and torn.missing == SIZE - left
            assert torn.pts == GOPS[whole].pts


def test_a_damaged_head_or_length_or_checksum_loses_no_picture() -> None:
    for at in (0, 4, 6, 9, 12, PAYLOADS[1] + SIZE - BEGINS[1]):  # sync, type, length, head, checksum
        assert contents(flipped(FILM, BEGINS[1] + at)) == GOPS


def test_a_burst_over_the_border_of_two_gops_leaves_the_beginning_of_the_first() -> None:
    border = PAYLOADS[0] + SIZE
    burst = FILM[: border - 700] + random.Random(1).randbytes(1500) + FILM[border + 800 :]
    one, two, *others = contents(burst)
    assert isinstance(one, TornGop) and one.missing == SIZE - 18 * BLOCK
    assert isinstance(two, LostGop) and two.pts == GOPS[1].pts
    assert others == GOPS[2:]


def test_damaged_checks_lose_nothing_and_are_damage() -> None:
    at = BEGINS[1] - 20
    assert contents(flipped(FILM, at)) == GOPS
    assert not verify(io.BytesIO(flipped(FILM, at))).whole


@pytest.mark.parametrize("data", [
    FILM[: BEGINS[1]] + CHECKS_CHUNK + FILM[BEGINS[1] :],  # twice
    FILM[: BEGINS[1] - len(CHECKS_CHUNK)] + encode_chunk(CHECKS, b"nothing", Limits()) + FILM[BEGINS[1] :],
    FILM[: BEGINS[1] - len(CHECKS_CHUNK)] + checks_chunk(GOPS[3], Limits()) + FILM[BEGINS[1] :],
], ids=["doubled", "senseless", "of another"])  # fmt: skip
def test_a_gop_that_is_whole_is_read_whatever_its_checks_say(data: bytes) -> None:
    assert list(ContainerReader(io.BytesIO(data)).chunks(damage := [])) == GOPS
    assert all("index" in str(error) or "SHA-256" in str(error) for error in damage)
    torn = contents(flipped(data, data.index(GOPS[1].payload) + 5000))
    assert [content for content in torn if isinstance(content, GopChunk)] == [GOPS[0], *GOPS[2:]]


@pytest.mark.parametrize("behind", ["packets", "another GOP", "checks of another", "nothing"])
def test_checks_without_their_gop_are_passed_over(behind: str) -> None:
    alone = FILM[: BEGINS[1]]
    data = {
        "packets": alone + encode_chunk(PACKETS, b"\0", Limits()) + FILM[BEGINS[2] - len(CHECKS_CHUNK) :],
        "another GOP": alone + FILM[BEGINS[2] :],
        "checks of another": alone + FILM[BEGINS[2] - len(CHECKS_CHUNK) :],
        "nothing": alone,
    }[behind]
    whole = [content for content in contents(data) if isinstance(content, GopChunk)]
    assert whole == ([GOPS[0], *GOPS[2:]] if behind != "nothing" else [GOPS[0]])
    assert not any(isinstance(content, TornGop) for content in contents(data))


def test_a_block_that_comes_by_itself_is_of_no_gop() -> None:
    """Where bytes were put in between checks and GOP, nothing tells where the payload is."""
    data = FILM[: BEGINS[1]] + b"put in" + flipped(FILM, PAYLOADS[1] + 9000)[BEGINS[1] :]
    assert [content for content in contents(data) if not isinstance(content, LostGop)] == [GOPS[0], *GOPS[2:]]


def test_parts_of_a_file_have_checks_and_the_index_leads_to_their_gops() -> None:
    target = io.BytesIO()
    cut(io.BytesIO(FILM), target, Fraction(1), Fraction(2))
    part = target.getvalue()
    assert [kind for kind, _ in read_file(part)] == ["H", *2 * ["C", "G"], "S", "I"]
    reader = ContainerReader(io.BytesIO(part))
    assert [reader.read_gop(entry).payload for entry in reader.index().entries] == [GOPS[1].payload, GOPS[2].payload]


def test_checks_count_among_the_bytes_that_a_gop_has_to_show_for_its_claim() -> None:
    gops = [content for content in ContainerReader(io.BytesIO(FILM)).chunks() if isinstance(content, GopChunk)]
    assert [gop.room for gop in gops[1:]] == [after - before for before, after in pairwise(PAYLOADS)]


def test_a_gop_that_is_there_twice_is_given_once() -> None:
    doubled = FILM[: BEGINS[1]] + FILM[BEGINS[0] : BEGINS[1]] + FILM[BEGINS[1] :]
    assert contents(doubled) == GOPS


def test_a_part_is_as_torn_as_the_whole() -> None:
    data, damage = flipped(FILM, PAYLOADS[1] + 9000), Damage()
    reader = ContainerReader(io.BytesIO(data), damage=damage.errors)
    torn, after = Excerpt(reader, Fraction(1), Fraction(2), damage)
    whole = contents(data)
    assert isinstance(torn, TornGop) and isinstance(whole[1], TornGop) and "damaged" in torn.reason
    assert (torn.gop, torn.missing, after) == (whole[1].gop, whole[1].missing, whole[2])


def test_a_pipe_is_as_torn_as_a_file() -> None:
    data, damage = flipped(FILM, PAYLOADS[1] + 9000), Damage()
    pipe = cast(BinaryIO, Pipe(data, step=1000))
    found = list(recovered(ContainerReader(pipe, damage=damage.errors), damage, torn=True))
    assert found == contents(data)


def test_repair_keeps_what_is_whole_and_gives_it_checks_again() -> None:
    target = io.BytesIO()
    repair(io.BytesIO(flipped(FILM, PAYLOADS[1] + 9000)), target)
    repaired = target.getvalue()
    assert contents(repaired) == [GOPS[0], *GOPS[2:]]
    begin = ContainerReader(io.BytesIO(repaired)).index().entries[1].offset
    assert isinstance(contents(flipped(repaired, begin + 9000))[1], TornGop)


def test_checks_are_what_the_specification_says_they_are() -> None:
    found = read_file(FILM)
    for number, (kind, fields) in enumerate(found[1:9:2]):
        gop, payload = found[2 + 2 * number][1], GOPS[number].payload
        assert kind == "C" and fields["bytes"] == len(payload) and fields["begin"] + fields["size"] == gop["begin"]
        assert fields["crcs"] == [crc32c(payload[at : at + fields["block"]]) for at in range(0, SIZE, fields["block"])]
        length = 3  # bytes of a varint of 20 thousand
        begin = gop["begin"] + 4 + 1 + length + len(fields["head"])
        assert FILM[begin - len(fields["head"]) :].startswith(fields["head"] + payload)


def test_checks_with_a_payload_of_their_own_are_refused() -> None:
    checks = checks_of(GOPS[0])
    with pytest.raises(BitstreamError, match="bytes of its payload"):
        decode_checks(encode_checks(checks, Limits()) + b"\1", Limits())


def test_what_follows_a_whole_gop_is_no_second_one() -> None:
    found = list(ContainerReader(io.BytesIO(FILM)).chunks())
    assert all(isinstance(content, GopChunk) for content in found) and found == GOPS
