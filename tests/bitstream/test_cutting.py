"""Cutting, joining and repairing: groups go over untouched, times fit, and the result is a whole file."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from nvcodec.bitstream import (
    BitstreamError,
    GopChunk,
    PacketChunk,
    PacketRecord,
    StreamHeader,
    concat,
    cut,
    repair,
    verify,
)

from .film import HEADER, SECOND, SOUND, TEXT, TICK, Edit, film, film_of, gop_at, packets_at, places_of
from .samples import Contents, read, write

FILM = film(10)
SEVERAL = [film_of(2), film_of(3), film_of(1)]


def whole(data: bytes) -> tuple[StreamHeader, list[GopChunk], list[PacketRecord]]:
    """The contents of a file in which nothing is wrong."""
    assert verify(io.BytesIO(data)).whole
    header, contents = read(data)
    packets = [p for content in contents if isinstance(content, PacketChunk) for p in content.packets]
    return header, [content for content in contents if isinstance(content, GopChunk)], packets


def untimed(gop: GopChunk) -> GopChunk:
    return replace(gop, pts=tuple(pts - gop.pts[0] for pts in gop.pts))


def steps(packets: list[PacketRecord], track: int) -> set[int]:
    times = [packet.pts or 0 for packet in packets if packet.track == track]
    return {after - before for before, after in pairwise(times)}


@pytest.mark.parametrize(
    ("start", "duration", "first", "last"),
    [
        ("3", "2", 3, 4),
        ("3.5", "1", 3, 4),
        ("3.999", "0.002", 3, 4),
        ("9.5", None, 9, 9),
        ("0", "0.1", 0, 0),
        ("8", "99", 8, 9),
    ],
)
def test_a_cut_falls_on_the_groups_around_it(start: str, duration: str | None, first: int, last: int) -> None:
    file = io.BytesIO()
    until = None if duration is None else Fraction(duration)
    report = cut(io.BytesIO(FILM), file, Fraction(start), until)
    _, gops, packets = whole(file.getvalue())
    assert (report.start_s, report.end_s) == (first, last + 1)
    assert [untimed(gop) for gop in gops] == [untimed(gop_at(n)) for n in range(first, last + 1)]
    assert [gop.begin for gop in gops] == [n * SECOND for n in range(len(gops))]
    assert (report.gops, report.frames, report.packets) == (len(gops), 25 * len(gops), len(packets))
    assert report.bytes == len(file.getvalue())


def test_a_cut_has_the_sound_of_its_pictures() -> None:
    file = io.BytesIO()
    cut(io.BytesIO(FILM), file, Fraction(3), Fraction(2))
    header, _, packets = whole(file.getvalue())
    sound = [packet for packet in packets if packet.track == 0]
    original = [p for second in (3, 4) for p in packets_at(second).packets if p.track == 0]
    assert [packet.data for packet in sound] == [packet.data for packet in original]
    assert [(packet.pts or 0) + 3 * 48000 for packet in sound] == [packet.pts for packet in original]
    assert "padding" not in header.tracks[0].parameters


def test_nothing_is_cut_from_a_damaged_group_nor_after_the_end() -> None:
    place = [place for place in places_of(FILM) if place.type == "G"][3].begin + 99
    data = Edit("flip", place, place + 1).of(FILM)
    with pytest.raises(BitstreamError, match="damaged"):
        cut(io.BytesIO(data), io.BytesIO(), Fraction(3), Fraction(1))
    with pytest.raises(BitstreamError, match="the file ends at 10"):
        cut(io.BytesIO(FILM), io.BytesIO(), Fraction(10))


def test_files_follow_each_other_without_a_gap() -> None:
    file = io.BytesIO()
    report = concat([io.BytesIO(write(HEADER, contents)) for contents in SEVERAL], file)
    header, gops, packets = whole(file.getvalue())
    assert header == HEADER
    times = [pts for gop in gops for pts in gop.pts]
    assert times == list(range(0, 6 * SECOND, TICK))
    wanted = [gop for contents in SEVERAL for gop in contents if isinstance(gop, GopChunk)]
    assert [untimed(gop) for gop in gops] == [untimed(gop) for gop in wanted]
    assert (report.end_s, report.gops, report.frames) == (6.0, 6, 150)
    assert max(steps(packets, 0)) <= 2 * 1024 and min(steps(packets, 0)) > 0


def test_what_is_cut_in_pieces_and_put_together_is_what_it_was() -> None:
    pieces = [io.BytesIO() for _ in range(2)]
    cut(io.BytesIO(FILM), pieces[0], Fraction(0), Fraction(4))
    cut(io.BytesIO(FILM), pieces[1], Fraction(4))
    file = io.BytesIO()
    concat([io.BytesIO(piece.getvalue()) for piece in pieces], file)
    _, gops, packets = whole(file.getvalue())
    assert gops == [gop_at(n) for n in range(10)]
    wanted = [packet for n in range(10) for packet in packets_at(n).packets if packet.track == 0]
    assert [packet for packet in packets if packet.track == 0] == wanted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_id": bytes(16)}, "model id, they differ"),
        ({"width": 352}, "width, 352 is not 176"),
        ({"time_base": Fraction(1, 90000)}, "time base, 1/90000 is not 1/12800"),
        ({"tokens": True}, "tokens"),
        ({"tracks": (SOUND,)}, "tracks, they differ"),
        ({"tracks": (replace(SOUND, extradata=b"other"), TEXT)}, "tracks, they differ"),
    ],
)
def test_files_that_do_not_go_together_are_named(change: dict[str, Any], reason: str) -> None:
    file, other = io.BytesIO(), write(replace(HEADER, **change), [])
    with pytest.raises(BitstreamError, match=rf"^b\.mgv: it does not go with a\.mgv: {reason}"):
        concat([io.BytesIO(FILM), io.BytesIO(other)], file, ["a.mgv", "b.mgv"])
    assert not file.getvalue()


def test_files_of_other_titles_and_paddings_go_together() -> None:
    other = replace(HEADER, tags={"title": "other"}, tracks=(replace(SOUND, parameters={"sample_rate": 48000}), TEXT))
    file = io.BytesIO()
    concat([io.BytesIO(FILM), io.BytesIO(write(other, film_of(1)))], file)
    assert whole(file.getvalue())[0] == HEADER


def test_a_last_frame_of_unknown_length_lasts_as_long_as_the_others() -> None:
    open_end: Contents = [replace(gop_at(0), duration=0)]
    file = io.BytesIO()
    concat([io.BytesIO(write(HEADER, open_end)) for _ in range(2)], file)
    assert [gop.begin for gop in whole(file.getvalue())[1]] == [0, SECOND]


def test_repairing_what_is_whole_changes_no_byte() -> None:
    file = io.BytesIO()
    report = repair(io.BytesIO(FILM), file)
    assert file.getvalue() == FILM
    assert not report.lost and not report.damage.errors


def test_an_unfinished_file_is_finished() -> None:
    file = io.BytesIO()
    report = repair(io.BytesIO(FILM[: places_of(FILM)[-1].begin]), file)
    assert file.getvalue() == FILM
    assert not report.lost and len(report.damage.errors) == 2


def test_a_damaged_file_is_whole_again_but_for_what_is_lost() -> None:
    file = io.BytesIO()
    place = [place for place in places_of(FILM) if place.type == "G"][3].begin + 99
    report = repair(io.BytesIO(Edit("flip", place, place + 1).of(FILM)), file)
    _, gops, packets = whole(file.getvalue())
    assert gops == [gop_at(n) for n in range(10) if n != 3]
    assert packets == [packet for n in range(10) for packet in packets_at(n).packets]
    assert [(gop.begin, gop.frames) for gop in report.lost] == [(3 * SECOND, 25)]
    assert report.written.gops == 9
