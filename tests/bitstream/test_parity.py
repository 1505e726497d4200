"""Parity: what is lost of a file comes back to the byte, and nothing that a file claims costs much."""

from __future__ import annotations

import io
import random
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nvcodec.bitstream import (
    BitstreamError,
    ContainerReader,
    ContainerWriter,
    GopChunk,
    Limits,
    concat,
    cut,
    parity_writing,
    repair,
    verify,
)
from nvcodec.bitstream.chunk import INDEX, PARITY, WHOLE, encode_chunk, read_chunk
from nvcodec.bitstream.fields import FieldWriter
from nvcodec.bitstream.parity import Group, decode_parity, encode_section
from nvcodec.bitstream.recovery import RECOVERY
from nvcodec.bitstream.source import ByteSource

from .film import film, film_of, recover
from .second_reader import crc32c

pytest.importorskip("zfec", reason="parity is an optional extra")

SHARE = 1000
SECONDS = 6


@cache
def whole_file() -> bytes:
    """A file of one group and an index."""
    return film(SECONDS, SHARE)


@cache
def file_of_groups() -> bytes:
    """A file of several groups, which are small for that; the last is smaller than the others."""
    with small_groups():
        return film(SECONDS, SHARE)


@contextmanager
def small_groups() -> Iterator[None]:
    """What is written inside has groups of 5 to 10 kB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity_writing, "GROUP_BYTES", 5000)
        yield


def chunks_of(data: bytes) -> list[tuple[bytes, int, int]]:
    """Type, begin and end of every chunk."""
    source = ByteSource(io.BytesIO(data))
    source.read(9)
    chunks = []
    while (chunk := read_chunk(source, Limits())) is not None:
        chunks.append((chunk.type, chunk.offset, source.offset))
    return chunks


def groups_of(data: bytes) -> list[Group]:
    """All groups of a file, in order."""
    groups: list[Group] = []
    source = ByteSource(io.BytesIO(data))
    source.read(9)
    while (chunk := read_chunk(source, Limits())) is not None:
        if chunk.type == PARITY and (group := decode_parity(chunk.body, Limits()).group) not in groups:
            groups.append(group)
    return groups


@cache
def regions() -> dict[str, list[tuple[int, int]]]:
    """What a file consists of, with the places of it."""
    found: dict[str, list[tuple[int, int]]] = {"signature": [(0, 8)], "version": [(8, 9)]}
    for kind, begin, end in chunks_of(whole_file()):
        name = {b"H": "header", b"G": "pictures", b"P": "packets", WHOLE: "hash", INDEX: "index"}.get(kind, "parity")
        found.setdefault(f"head of {name}", []).append((begin, begin + 8))
        found.setdefault(f"body of {name}", []).append((begin + 8, end - 4))
        found.setdefault(f"checksum of {name}", []).append((end - 4, end))
    return found


def repaired(data: bytes) -> bytes:
    target = io.BytesIO()
    repair(io.BytesIO(data), target)
    return target.getvalue()


def part(data: bytes) -> bytes:
    """Seconds 2 and 3, by way of the index."""
    target = io.BytesIO()
    cut(io.BytesIO(data), target, Fraction(2), Fraction(2))
    return target.getvalue()


def assert_as_if_whole(damaged: bytes, whole: bytes) -> None:
    """Every way to read the damaged file gives what the whole one gives."""
    assert repaired(damaged) == whole
    assert list(ContainerReader(io.BytesIO(damaged)).chunks()) == film_of(SECONDS)
    assert ContainerReader(io.BytesIO(damaged)).index() == ContainerReader(io.BytesIO(whole)).index()
    assert recover(damaged) == recover(whole)
    assert part(damaged) == part(whole)
    report = verify(io.BytesIO(damaged))
    assert (report.whole, report.repairable) == ((True, False) if damaged == whole else (False, True))


def multiply(a: int, b: int) -> int:
    """In the field of 256 elements of the polynomial 11D, by hand."""
    product = 0
    while b:
        product ^= a * (b & 1)
        a, b = (a << 1) ^ (0x11D if a & 0x80 else 0), b >> 1
    return product


def test_parity_is_the_polynomial_through_the_data_that_the_specification_says() -> None:
    size, share = 50_000, 5000
    data = random.Random(1).randbytes(size)
    s, c, k, m = 256, 2, 98, 50  # ⌈196 / 169⌉ stripes, ⌈50000 / 512⌉ shards, ⌈(⌈24999 / 256⌉ + 1) / 2⌉ of parity
    points = [0, 1]
    while len(points) < 256:
        points.append(multiply(points[-1], 2))
    inverse = {a: next(b for b in range(1, 256) if multiply(a, b) == 1) for a in range(1, 256)}
    filled = bytes(k * c * s - size) + data
    bodies = [decode_parity(_body(chunk), Limits()) for chunk in encode_section(Group(7, size, share), data, Limits())]
    assert [(chunk.number, chunk.stripe) for chunk in bodies] == [
        (n, stripe) for n in range(m + 2) for stripe in (0, 1)
    ]
    for chunk in bodies:
        shards = [filled[i * s : i * s + s] for i in range(chunk.stripe, k * c, c)]
        if chunk.number in (0, m + 1):
            bare = [
                data[max(0, s * i + size - k * c * s) :][: min(s, s * i + s + size - k * c * s)] for i in range(k * c)
            ]
            crcs = [crc32c(shard).to_bytes(4, "little") for shard in bare[chunk.stripe :: c]]
            assert chunk.data == b"".join(crcs)
        elif chunk.number in (1, 2, m):  # by hand it takes long
            x = points[k + chunk.number - 1]
            expected = [0, 0]
            for i, shard in enumerate(shards):
                factor = 1
                for j in range(k):
                    if i != j:
                        factor = multiply(factor, multiply(x ^ points[j], inverse[points[i] ^ points[j]]))
                expected = [expected[0] ^ multiply(factor, shard[0]), expected[1] ^ multiply(factor, shard[-1])]
            assert len(chunk.data) == s and [chunk.data[0], chunk.data[-1]] == expected


def _body(chunk: bytes) -> bytes:
    found = read_chunk(ByteSource(io.BytesIO(chunk)), Limits())
    assert found is not None and found.type == PARITY
    return found.body


@given(
    st.integers(1, 1 << 24) | st.integers(1, 3000), st.integers(1, 10000) | st.sampled_from([100, 500, 9999]), st.data()
)
def test_a_group_bears_any_run_of_its_share_in_its_data_and_on_into_its_parity(
    size: int, share: int, data: st.DataObject
) -> None:
    group = Group(0, size, share)
    assert group.parity >= 1 and group.data + group.parity <= 256
    places = [group.place(stripe, number) for number in range(group.data) for stripe in range(group.stripes)]
    assert places[0][0] == 0 and places[-1][1] == size
    assert all(after[0] == before[1] for before, after in pairwise(places))
    run = -(-size * share // 10000)
    begin = data.draw(st.integers(0, size - 1))
    lost = [0] * group.stripes
    for i, (first, last) in enumerate(places):
        lost[i % group.stripes] += first < begin + run and begin < last
    left = begin + run - size - group.stripes * (4 * group.data + 20)  # of the run after the tables
    for i in range(-(-left // (group.shard_bytes + 16))):  # chunks, which have more than 16 bytes besides the shard
        lost[i % group.stripes] += 1
    assert max(lost) <= group.parity or share == 10000


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_any_damage_of_as_many_shards_as_there_is_parity_is_repaired_to_the_byte(data: st.DataObject) -> None:
    (group,) = groups_of(whole_file())
    damaged = bytearray(whole_file())
    noise = random.Random(data.draw(st.integers(0, 1000)))
    for stripe in range(group.stripes):
        numbers = st.lists(st.integers(0, group.data - 1), max_size=group.parity, unique=True)
        for number in data.draw(numbers):
            begin, end = group.place(stripe, number)
            damaged[begin:end] = noise.randbytes(end - begin)
    assert repaired(bytes(damaged)) == whole_file()


@settings(deadline=None, max_examples=12)
@given(st.data())
@pytest.mark.parametrize("region", sorted(regions()))
def test_a_flipped_bit_anywhere_is_as_if_it_were_not(region: str, data: st.DataObject) -> None:
    begin, end = data.draw(st.sampled_from(regions()[region]))
    place, bit = data.draw(st.integers(begin, end - 1)), data.draw(st.integers(0, 7))
    damaged = bytearray(whole_file())
    damaged[place] ^= 1 << bit
    assert_as_if_whole(bytes(damaged), whole_file())


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_run_of_lost_bytes_anywhere_up_to_the_share_is_as_if_it_were_not(data: st.DataObject) -> None:
    whole, (group,) = whole_file(), groups_of(whole_file())
    promised = group.size * SHARE // 10000
    size = data.draw(st.integers(1, promised) | st.just(promised))
    begin = data.draw(st.integers(0, len(whole) - size) | st.just(len(whole) - size) | st.just(group.end - size // 2))
    noise = data.draw(st.sampled_from([bytes(size), random.Random(begin).randbytes(size)]))
    damaged = whole[:begin] + noise + whole[begin + size :]
    assert_as_if_whole(damaged, whole)


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_in_a_file_of_several_groups_each_bears_a_run_of_its_share(data: st.DataObject) -> None:
    whole, groups = file_of_groups(), groups_of(file_of_groups())
    assert len(groups) > 3 and all(group.size >= 5000 for group in groups[:-1])
    damaged = bytearray(whole)
    for group in groups:
        size = data.draw(st.integers(0, group.size * SHARE // 10000))
        begin = group.begin + data.draw(st.integers(0, group.size - size))
        damaged[begin : begin + size] = random.Random(begin).randbytes(size)
    with small_groups():
        assert_as_if_whole(bytes(damaged), whole)


@settings(deadline=None, max_examples=12)
@given(st.data())
def test_an_end_that_is_cut_off_comes_back_up_to_the_share(data: st.DataObject) -> None:
    whole, (group,) = whole_file(), groups_of(whole_file())
    assert_as_if_whole(whole[: -data.draw(st.integers(1, group.size * SHARE // 10000))], whole)


def test_an_index_is_not_made_up_for_a_file_that_is_not_finished() -> None:
    whole = file_of_groups()
    unfinished = whole[: next(begin for kind, begin, _ in chunks_of(whole) if kind == WHOLE)]
    report = verify(io.BytesIO(unfinished))
    assert not report.whole and not report.repairable


@pytest.mark.parametrize("at", [100, 5000])
def test_shifted_bytes_break_nothing_and_are_not_taken_for_whole(at: int) -> None:
    whole = whole_file()
    header_end = ContainerReader(io.BytesIO(whole)).header_end
    for damaged in (whole[:at] + whole[at + 1 :], whole[:at] + b"\0" + whole[at:]):
        if at < header_end:
            with pytest.raises(BitstreamError, match="it is damaged"):
                ContainerReader(io.BytesIO(damaged), damage=[])
            continue
        reader = ContainerReader(io.BytesIO(damaged), damage=(found := []))
        gops = [content for content in reader.chunks(found) if isinstance(content, GopChunk)]
        assert found and gops and all(gop in film_of(SECONDS) for gop in gops)


@pytest.mark.parametrize("share", [1, 500, 10000])
def test_a_reader_that_does_not_know_parity_reads_the_same(share: int) -> None:
    known = list(ContainerReader(io.BytesIO(film(SECONDS, share)), mend=False).chunks())
    assert known == list(ContainerReader(io.BytesIO(film(SECONDS))).chunks())


def test_what_is_cut_or_joined_from_files_with_parity_has_none_and_is_what_it_is_without() -> None:
    plain, damaged = film(SECONDS), bytearray(whole_file())
    damaged[groups_of(whole_file())[0].size // 2] ^= 4
    joined = {}
    for name, data in {"plain": plain, "whole": whole_file(), "damaged": bytes(damaged)}.items():
        assert part(data) == part(plain)
        concat([io.BytesIO(data), io.BytesIO(data)], target := io.BytesIO())
        joined[name] = target.getvalue()
    assert joined["whole"] == joined["damaged"] == joined["plain"]
    assert PARITY not in {kind for kind, _, _ in chunks_of(joined["whole"])}


def test_without_the_package_a_damaged_file_reads_as_if_it_had_no_parity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zfec", None)
    whole = whole_file()
    assert list(ContainerReader(io.BytesIO(whole)).chunks()) == film_of(SECONDS)
    assert verify(io.BytesIO(whole)).whole
    begins = [begin for kind, begin, _ in chunks_of(whole) if kind == b"G"]
    damaged = whole[: begins[2] + 99] + b"noise" + whole[begins[2] + 104 :]
    reader = ContainerReader(io.BytesIO(damaged), damage=(found := []))
    left = [content for content in film_of(SECONDS) if content != film_of(SECONDS)[5]]
    assert list(reader.chunks(found)) == left
    assert len(found) == 1 and reader.mended is not None and reader.mended.needs_package
    report = verify(io.BytesIO(damaged))
    assert not report.repairable and report.needs_package and report.damage[0].offset == begins[2]
    made = repair(io.BytesIO(damaged), target := io.BytesIO())
    assert made.needs_package and len(made.lost) == 1
    assert list(ContainerReader(io.BytesIO(target.getvalue())).chunks()) == left
    assert not verify(io.BytesIO(film(2)[:-20])).needs_package


def test_without_the_package_parity_is_refused_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zfec", None)
    file = io.BytesIO()
    with pytest.raises(BitstreamError, match=r"pip install 'nvcodec\[parity\]'"):
        ContainerWriter(file, parity=SHARE)
    assert file.getvalue() == b""


@example([0, 100, 500, 0, 0], bytes(4 * Group(0, 100, 500).data))
@example([7, 100, 500, 0, 1], bytes(Group(7, 100, 500).shard_bytes))
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 20000), min_size=5, max_size=5), st.binary(max_size=200))
def test_hostile_fields_are_refused_or_agree_with_their_data(numbers: list[int], data: bytes) -> None:
    try:
        chunk = decode_parity(body_of(*numbers, data=data), Limits())
    except BitstreamError:
        return
    group = chunk.group
    assert group.data + group.parity <= 256 and group.size <= Limits().parity_group_bytes
    assert len(chunk.data) == (4 * group.data if chunk.number in (0, group.parity + 1) else group.shard_bytes)


def body_of(*numbers: int, data: bytes) -> bytes:
    """Of a parity chunk with these fields."""
    fields = FieldWriter()
    for number in numbers:
        fields.varint(number)
    fields.raw(data)
    return bytes(fields.data)


def hostile(groups: list[Group]) -> bytes:
    """A file without an index, and a table and a shard of parity of nothing for each of these groups."""
    chunks = bytearray()
    for group in groups:
        for number, data in ((0, bytes(4 * group.data)), (1, bytes(group.shard_bytes))):
            body = body_of(group.begin, group.size, group.share, 0, number, data=data)
            chunks += encode_chunk(PARITY, body, Limits())
    return film(2)[:-20] + chunks


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param([Group(100 + i, 1 << 24, 10000) for i in range(40)], id="one over the other"),
        pytest.param([Group(i << 24, 1 << 24, 9999) for i in range(40)], id="one after the other"),
        pytest.param([Group((1 << 62) + i, 1 << 24, 1) for i in range(40)], id="far away"),
        pytest.param([Group(i, 1, 10000) for i in range(1000)], id="many small ones"),
    ],
)
def test_parity_that_claims_much_in_a_small_file_takes_little_memory(groups: list[Group]) -> None:
    data = hostile(groups)
    damage: list[BitstreamError] = []
    tracemalloc.start()
    try:
        reader = ContainerReader(io.BytesIO(data), RECOVERY, damage)
        contents = list(reader.chunks(damage))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert damage and [content for content in film_of(2) if content not in contents] == []
    assert peak < 12 << 20
    with pytest.raises(BitstreamError):
        decode_parity(body_of(0, (1 << 24) + 1, 500, 0, 0, data=b""), Limits())


def test_no_more_is_brought_back_than_the_limits_allow() -> None:
    damaged = whole_file()[:1000] + b"x" * 300 + whole_file()[1300:]
    assert verify(io.BytesIO(damaged)).repairable
    assert not verify(io.BytesIO(damaged), Limits(restored_bytes=200)).repairable
