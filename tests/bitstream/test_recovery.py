"""Damaged files: all that is whole is found, and what is not is known by its times."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nvcodec.bitstream import (
    BitstreamError,
    ContainerReader,
    GopChunk,
    Index,
    IndexEntry,
    Limits,
    LostGop,
    LostSound,
    PacketChunk,
    UnsupportedVersion,
)
from nvcodec.bitstream.chunk import INDEX, SYNC, encode_chunk
from nvcodec.bitstream.index import encode_index
from nvcodec.bitstream.recovery import Damage, recovered

from .film import (
    FRAMES,
    HEADER,
    REACH,
    SECOND,
    TICK,
    Edit,
    edits,
    film,
    film_of,
    gop_at,
    lost_of,
    packets_at,
    places_of,
    recover,
)
from .samples import write
from .test_container import Pipe

FILM = film(4)
CONTENTS = film_of(4)
PLACES = places_of(FILM)
HEADER_END = PLACES[0].end
GOPS = [place for place in PLACES if place.type == "G"]
SOUND = [place for place in PLACES if place.type == "P"]


def damaged(*edits: Edit) -> bytes:
    """The film after some edits, given from its end to its beginning."""
    data = FILM
    for edit in edits:
        data = edit.of(data)
    return data


def without_index(data: bytes) -> bytes:
    return data[: PLACES[-1].begin]


@given(st.lists(edits(len(FILM), HEADER_END), min_size=1, max_size=1))
@settings(max_examples=400)
def test_every_chunk_whose_bytes_are_untouched_comes_out_and_no_other(wrong: list[Edit]) -> None:
    contents, damage = recover(damaged(*wrong))
    found = [content for content in contents if not isinstance(content, LostGop)]
    spared = [
        content
        for content, place in zip(CONTENTS, PLACES[1:-2], strict=True)
        if all(edit.spares(place.begin, place.end) for edit in wrong)
    ]
    assert found == spared
    assert damage.errors


@given(st.lists(edits(len(FILM), HEADER_END), min_size=2, max_size=5))
@settings(max_examples=300)
def test_many_edits_never_bring_out_what_was_not_there_or_in_another_order(wrong: list[Edit]) -> None:
    wrong.sort(key=lambda edit: edit.begin, reverse=True)
    contents, _ = recover(damaged(*wrong))
    found = [content for content in contents if not isinstance(content, LostGop)]
    gops = [content for content in found if isinstance(content, GopChunk)]
    assert [gop.pts[0] for gop in gops] == sorted({gop.pts[0] for gop in gops})
    assert all(content in CONTENTS for content in found)
    assert all(found.count(content) == 1 for content in found)


@given(edits(HEADER_END))
@settings(max_examples=150)
def test_damage_before_the_first_group_leaves_all_or_is_said(wrong: Edit) -> None:
    data = wrong.of(FILM[:HEADER_END]) + FILM[HEADER_END:]
    try:
        contents, damage = recover(data)
    except BitstreamError:
        assert not wrong.spares(PLACES[0].begin, HEADER_END) or FILM[8] not in data[8:9]
        return
    assert contents == CONTENTS
    assert damage.errors


def test_a_signature_that_is_damaged_costs_nothing_and_what_is_no_file_of_ours_is_refused() -> None:
    for place in range(8):
        contents, damage = recover(Edit("flip", place, place + 1).of(FILM))
        assert contents == CONTENTS and len(damage.errors) == 1
    assert recover(FILM[5:])[0] == CONTENTS
    assert recover(FILM[:8] + FILM[9:])[0] == CONTENTS
    with pytest.raises(BitstreamError, match=r"not an \.mgv file"):
        recover(b"RIFF" + bytes(5000))
    with pytest.raises(UnsupportedVersion):
        recover(FILM[:8] + b"\2" + FILM[9:])


def test_a_header_that_is_damaged_is_an_error_of_the_header() -> None:
    with pytest.raises(BitstreamError, match=r"^chunk 0 at byte 9: it is damaged"):
        recover(Edit("flip", 30, 31).of(FILM))


@pytest.mark.parametrize("lost", [[0], [1], [3], [1, 2], [0, 3], [0, 1, 2]])
def test_the_index_tells_the_times_of_what_is_lost(lost: list[int]) -> None:
    wrong = [Edit("flip", GOPS[number].begin + 50, GOPS[number].begin + 51) for number in lost]
    contents, _ = recover(damaged(*wrong))
    assert [gop.pts for gop in lost_of(contents)] == [gop_at(number).pts for number in lost]
    assert [(gop.begin, gop.end, gop.frames) for gop in lost_of(contents)] == [
        (number * SECOND, (number + 1) * SECOND, FRAMES) for number in lost
    ]
    assert f"byte {GOPS[lost[0]].begin}: it is damaged" in lost_of(contents)[0].reason
    order = [content.begin for content in contents if not isinstance(content, PacketChunk)]
    assert order == [number * SECOND for number in range(4)]


def test_a_chunk_that_is_missing_to_the_byte_is_known_from_the_index() -> None:
    contents, damage = recover(Edit("drop", GOPS[1].begin, GOPS[1].end).of(FILM))
    assert [(gop.pts, gop.reason) for gop in lost_of(contents)] == [(gop_at(1).pts, "its chunk is missing")]
    assert "does not agree" in str(damage.errors[0])


@pytest.mark.parametrize("lost", [[0], [1], [1, 2], [0, 1]])
@pytest.mark.parametrize("cut", [without_index, lambda data: data], ids=["cut", "pipe"])
def test_without_an_index_the_times_on_both_sides_tell(lost: list[int], cut: Callable[[bytes], bytes]) -> None:
    wrong = [Edit("flip", GOPS[number].begin + 50, GOPS[number].begin + 51) for number in lost]
    damage = Damage()
    reader = ContainerReader(Pipe(cut(damaged(*wrong)), step=1000), damage=damage.errors)  # type: ignore[arg-type]
    (loss,) = lost_of(list(recovered(reader, damage)))
    assert loss.pts == tuple(pts for number in lost for pts in gop_at(number).pts)
    assert (loss.begin, loss.end) == (lost[0] * SECOND, (lost[-1] + 1) * SECOND)


def test_a_pipe_s_index_still_tells_what_is_lost_at_the_end() -> None:
    damage = Damage()
    pipe = Pipe(Edit("flip", GOPS[3].begin + 50, GOPS[3].begin + 51).of(FILM), step=1000)
    reader = ContainerReader(pipe, damage=damage.errors)  # type: ignore[arg-type]
    assert [gop.pts for gop in lost_of(list(recovered(reader, damage)))] == [gop_at(3).pts]


def test_an_unfinished_file_gives_all_that_was_finished() -> None:
    contents, damage = recover(FILM[: GOPS[2].begin + 100])
    assert contents == CONTENTS[:5]
    assert "the file ends after 100 bytes" in str(damage.errors[0])
    assert "without an index nobody knows what came after 2.000 s" in str(damage.errors[1])


def test_a_gap_in_time_without_damage_is_no_loss() -> None:
    contents, damage = recover(write(HEADER, [gop_at(0), gop_at(5)]))
    assert contents == [gop_at(0), gop_at(5)]
    assert not damage.errors
    assert not lost_of(recover(without_index(write(HEADER, [gop_at(0), gop_at(1)]))[:-1])[0])


def test_sound_that_is_lost_is_known_by_its_times() -> None:
    for number in (0, 1, 3):
        _, damage = recover(Edit("flip", SOUND[number].begin + 50, SOUND[number].begin + 51).of(FILM))
        lost = [packet for packet in packets_at(number).packets if packet.track == 0]
        begin = lost[0].pts if number else 0
        end = 4 if number == 3 else Fraction((lost[-1].pts or 0) + REACH, 48000)
        assert damage.sound == [LostSound(0, Fraction(begin or 0, 48000), Fraction(end))]


def test_packets_that_are_there_twice_come_once() -> None:
    contents, damage = recover(Edit("double", SOUND[1].begin, SOUND[1].end).of(FILM))
    assert contents == CONTENTS
    assert any("twice" in str(error) for error in damage.errors)


@pytest.mark.parametrize(
    "entries",
    [
        (IndexEntry(100, 0, 1), IndexEntry(100, 1, 1)),
        (IndexEntry(100, 0, 1), IndexEntry(200, 0, 1)),
        (IndexEntry(100, 0, 1 << 40),),
        (IndexEntry(100, 0, 0),),
        (IndexEntry(100, 0, 700),),
        tuple(IndexEntry(100 + 20 * n, 1000 * n, 1000) for n in range(1, 9)),
    ],
)
def test_an_index_that_lies_loses_nothing(entries: tuple[IndexEntry, ...]) -> None:
    index = Index(entries, 0, max(entry.pts for entry in entries) + 600)
    data = without_index(FILM) + encode_chunk(INDEX, encode_index(index, Limits()), Limits())
    contents, damage = recover(data)
    assert contents == CONTENTS
    assert damage.errors


def test_a_gap_of_more_frames_than_may_be_held_is_lost_without_them() -> None:
    later = replace(gop_at(2), pts=tuple(pts + (1 << 40) for pts in gop_at(2).pts))
    data = write(HEADER, [gop_at(0), gop_at(1), later])
    _, _, second, _, _, index = places_of(data)
    (loss,) = lost_of(recover(Edit("flip", second.begin + 60, second.begin + 61).of(data[: index.begin]))[0])
    assert loss.pts == () and loss.frames == FRAMES + (1 << 40) // TICK


def test_an_index_that_claims_a_world_between_two_groups_costs_no_memory() -> None:
    first, last = places_of(write(HEADER, [gop_at(0), gop_at(1 << 20)]))[1:3]
    claims = [IndexEntry(first.begin + n, n * SECOND, 1000) for n in range(1, 30_000)]
    ends = [IndexEntry(first.begin, 0, FRAMES), IndexEntry(last.begin + 30_000, SECOND << 20, FRAMES)]
    index = Index((ends[0], *claims, ends[1]), 0, (SECOND << 20) + SECOND)
    data = write(HEADER, [gop_at(0), gop_at(1 << 20)])[: last.end]
    tracemalloc.start()
    contents, _ = recover(data + encode_chunk(INDEX, encode_index(index, Limits()), Limits()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(loss.frames for loss in lost_of(contents)) == 29_999_000
    assert not any(loss.pts for loss in lost_of(contents))
    assert peak < 40 << 20


def test_a_file_of_nothing_but_lies_about_lengths_ends_soon() -> None:
    lie = SYNC + b"G" + b"\xff\xff\x7f"  # two megabytes
    data = FILM[:HEADER_END] + lie * 100_000
    damage = Damage()
    reader = ContainerReader(io.BytesIO(data), Limits(damaged_places=1 << 20, unread_bytes=50 << 20), damage.errors)
    assert list(recovered(reader, damage)) == []
    assert len(damage.errors) < 100
