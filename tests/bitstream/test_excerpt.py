"""A part of a file: the right pictures and packets, and not a byte more than needed is read."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import pairwise
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvcodec.bitstream import (
    BitstreamError,
    ContainerReader,
    Damage,
    Excerpt,
    GopChunk,
    LostGop,
    PacketChunk,
    PacketRecord,
    TornGop,
)

from .film import HEADER, REACH, SECOND, TICK, Edit, film, gop_at, packets_at, places_of
from .samples import write
from .test_container import Pipe

SECONDS = 20
FILM = film(SECONDS)
PLACES = places_of(FILM)
GOPS = [place for place in PLACES if place.type == "G"]


class Counting(io.BytesIO):
    """A file that keeps what was read: where and how much."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.taken: list[tuple[int, int]] = []

    def read(self, size: int | None = -1) -> bytes:
        begin = self.tell()
        data = super().read(size)
        self.taken.append((begin, begin + len(data)))
        return data

    @property
    def count(self) -> int:
        return sum(end - begin for begin, end in self.taken)

    def bytes_of(self, begin: int, end: int) -> int:
        """How much of a place was read."""
        return sum(max(0, min(end, last) - max(begin, first)) for first, last in self.taken)


def excerpt(file: Any, start: str, duration: str | None = None, **options: Any) -> Excerpt:
    until = None if duration is None else Fraction(duration)
    return Excerpt(ContainerReader(cast(BinaryIO, file)), Fraction(start), until, **options)


def split(part: Excerpt) -> tuple[list[GopChunk | LostGop], list[PacketRecord]]:
    gops: list[GopChunk | LostGop] = []
    packets: list[PacketRecord] = []
    for content in part:
        if isinstance(content, PacketChunk):
            packets += content.packets
        else:
            assert not isinstance(content, TornGop)  # these are too small for checks
            gops.append(content)
    return gops, packets


def test_a_part_reads_its_own_groups_and_of_the_others_nothing_but_a_few_bytes() -> None:
    file = Counting(FILM)
    gops, _ = split(excerpt(file, "10.5", "1"))
    assert gops == [gop_at(10), gop_at(11)]
    for number, place in enumerate(GOPS):
        read = file.bytes_of(place.begin, place.end)
        if number in (10, 11):
            assert read >= place.end - place.begin
        else:
            assert read <= 10, number
    sound = [place for place in PLACES if place.type == "P"]
    near = range(10 - 3, 12 + 3)
    assert all(file.bytes_of(p.begin, p.end) == 0 for n, p in enumerate(sound) if n not in near)
    own = [place for number, place in enumerate(sound) if number in (10, 11)]
    again = {file.bytes_of(place.begin, place.end) - (place.end - place.begin) for place in own}
    assert again <= {0, 4}  # the first bytes tell whether the group before them ends there
    assert file.count < len(FILM) / 3


@pytest.mark.parametrize(("start", "duration"), [("0", "0.5"), ("7.3", "2.5"), ("19.9", None), ("4", "1")])
def test_a_pipe_and_a_file_without_an_index_give_the_same_part(start: str, duration: str | None) -> None:
    by_index = split(excerpt(io.BytesIO(FILM), start, duration))
    assert by_index[0] and by_index[1]
    pipe = Pipe(FILM, step=5000)
    assert split(excerpt(pipe, start, duration)) == by_index
    unfinished = io.BytesIO(FILM[: PLACES[-1].begin])
    assert split(excerpt(unfinished, start, duration, damage=Damage())) == by_index
    if duration is not None and start != "7.3":
        assert pipe.data  # what comes after the part is left in it


@given(st.integers(0, 4 * SECOND - 1), st.integers(1, 3 * SECOND))
def test_a_part_has_the_pictures_and_the_sound_of_its_time(start: int, ticks: int) -> None:
    tick = Fraction(1, SECOND)
    part = Excerpt(ContainerReader(io.BytesIO(film(5))), start * tick, ticks * tick)
    gops, packets = split(part)
    assert part.begin == start // TICK * TICK  # the picture shown then
    end = start + ticks
    assert part.end == end and part.shift == (part.begin if start else 0)
    shown = [pts for gop in gops for pts in gop.pts]
    assert shown[0] <= part.begin and shown[-1] + TICK >= min(end, 5 * SECOND)
    assert len(gops) == -(-min(end, 5 * SECOND) // SECOND) - part.begin // SECOND
    begin_s, end_s = part.begin * tick, end * tick
    wanted = [
        packet
        for second in range(5)
        for packet in packets_at(second).packets
        if packet.track == 0
        and (not start or packet.pts * Fraction(1, 48000) >= begin_s)  # type: ignore[operator]
        and packet.pts * Fraction(1, 48000) < end_s  # type: ignore[operator]
    ]
    sound = [packet for packet in packets if packet.track == 0]
    assert [packet.data for packet in sound] == [packet.data for packet in wanted]
    shift = round(begin_s * 48000) if start else 0
    assert [packet.pts for packet in sound] == [(packet.pts or 0) - shift for packet in wanted]


@pytest.mark.parametrize("behind", [-2, -1, 1, 2])
def test_sound_that_lies_up_to_two_seconds_beside_its_pictures_is_found(behind: int) -> None:
    contents = [
        content
        for second in range(12)
        for content in ([packets_at(second - behind)] if 0 <= second - behind < 10 else [])
        + ([gop_at(second)] if second < 10 else [])
    ]
    data = write(HEADER, contents)
    wanted = [packet.data for second in (4, 5) for packet in packets_at(second).packets if packet.track == 0]
    for file in (io.BytesIO(data), Pipe(data, step=5000)):
        _, packets = split(excerpt(file, "4", "2"))
        assert [packet.data for packet in packets if packet.track == 0] == wanted


def test_a_text_that_is_on_when_the_part_begins_is_in_it_from_its_begin() -> None:
    _, packets = split(excerpt(io.BytesIO(FILM), "3", "1"))
    texts = [(packet.pts, packet.duration, packet.data) for packet in packets if packet.track == 1]
    assert texts == [(0, 500, b"second 2"), (500, 1000, b"second 3")]


def test_samples_that_a_coder_put_in_front_are_not_skipped_where_they_are_not() -> None:
    assert excerpt(io.BytesIO(FILM), "0", "1").header.tracks[0].parameters["padding"] == REACH
    assert "padding" not in excerpt(io.BytesIO(FILM), "1", "1").header.tracks[0].parameters


@pytest.mark.parametrize("file", [io.BytesIO, lambda data: Pipe(data, step=5000)], ids=["file", "pipe"])
def test_a_part_after_the_end_is_an_error_that_says_where_the_end_is(file: Any) -> None:
    for start in ("20", "1000"):
        with pytest.raises(BitstreamError, match=r"the file ends at 20\.000 s"):
            split(excerpt(file(FILM), start))
    assert split(excerpt(file(FILM), "19.99"))[0] == [gop_at(19)]


def test_an_index_whose_places_moved_is_not_relied_on() -> None:
    data = Edit("drop", GOPS[2].begin, GOPS[2].end).of(FILM)
    assert split(excerpt(io.BytesIO(data), "10.5", "1", damage=Damage()))[0] == [gop_at(10), gop_at(11)]


@pytest.mark.parametrize("place", [3, 4, 5, 6])
def test_a_part_in_which_bytes_are_missing_keeps_all_that_is_whole(place: int) -> None:
    data = Edit("drop", GOPS[place].begin + 99, GOPS[place].begin + 100).of(FILM)
    gops, packets = split(excerpt(io.BytesIO(data), "3", "4", damage=Damage()))
    assert [gop for gop in gops if isinstance(gop, GopChunk)] == [gop_at(n) for n in range(3, 7) if n != place]
    sound = {packet.data for packet in packets}
    assert sound >= {packet.data for n in range(3, 7) for packet in packets_at(n).packets if packet.track == 0}


def test_the_sound_behind_a_group_whose_begin_is_damaged_is_found() -> None:
    damage = Damage()
    data = Edit("flip", GOPS[11].begin, GOPS[11].begin + 1).of(FILM)
    gops, packets = split(excerpt(io.BytesIO(data), "10.5", "3", damage=damage))
    assert [type(gop) for gop in gops] == [GopChunk, LostGop, GopChunk, GopChunk] and len(damage.errors) == 1
    undamaged = split(excerpt(io.BytesIO(FILM), "10.5", "3"))[1]
    assert [packet.data for packet in packets] == [packet.data for packet in undamaged]
    with pytest.raises(BitstreamError, match=f"byte {GOPS[11].begin}: "):
        split(excerpt(io.BytesIO(data), "10.5", "3"))


def test_a_long_part_is_read_from_front_to_back() -> None:
    file = Counting(FILM)
    split(excerpt(file, "5", "10"))
    own = [begin for begin, _ in file.taken if GOPS[5].begin <= begin < GOPS[14].begin]
    back = [before - after for before, after in pairwise(own) if after < before]
    largest = max(place.end - place.begin for place in GOPS)
    assert len(own) > 20 and 0 < max(back) <= largest  # to a group's own first bytes


def test_a_damaged_group_of_the_part_is_lost_and_one_beside_it_is_not_even_noticed() -> None:
    damage = Damage()
    wrong = [Edit("flip", GOPS[n].begin + 99, GOPS[n].begin + 100) for n in (9, 11)]
    data = wrong[1].of(wrong[0].of(FILM))
    gops, _ = split(excerpt(io.BytesIO(data), "10.5", "1", damage=damage))
    assert [type(gop) for gop in gops] == [GopChunk, LostGop]
    assert gops[1].pts == gop_at(11).pts and len(damage.errors) == 1
    with pytest.raises(BitstreamError, match=f"byte {GOPS[11].begin}: it is damaged"):
        split(excerpt(io.BytesIO(data), "10.5", "1"))
    assert split(excerpt(io.BytesIO(data), "10.5", "0.4"))[0] == [gop_at(10)]
