"""A part of a file is decoded from its own bytes, to the pictures and the sound of that time."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import pytest
from nvcodec.bitstream import BitstreamError, concat

from nvcodec.codec import DecodeOptions, EncodeReport, decode

from .damage import groups, header_end, packets, places_of
from .support import Media, read, same_pictures
from .test_streams import Pipe, as_file

Coded = tuple[bytes, EncodeReport]
RATE = 25


@pytest.fixture(scope="module")
def long(bunny: Coded) -> bytes:
    """Twelve times the bunny, 7.2 s and 24 groups of 9 and 6 frames, with its sound."""
    file = io.BytesIO()
    concat([io.BytesIO(bunny[0]) for _ in range(12)], file)
    return file.getvalue()


@pytest.fixture(scope="module")
def whole(bunny: Coded, tmp_path_factory: pytest.TempPathFactory) -> Media:
    """One bunny, decoded to the bit."""
    folder = tmp_path_factory.mktemp("whole")
    decode(io.BytesIO(bunny[0]), folder / "out.mkv", DecodeOptions(lossless=True))
    return read(folder / "out.mkv")


def part(data: bytes, path: Path, start_s: float, duration_s: float | None) -> Media:
    """A part, decoded to the bit."""
    options = DecodeOptions(lossless=True, strict=True, start_s=start_s, duration_s=duration_s)
    decode(io.BytesIO(data), path, options)
    return read(path)


@pytest.mark.parametrize(
    ("start", "duration", "first", "last"),
    [
        (0.2, 0.2, 5, 10),
        (0.21, 0.1, 5, 8),
        (0.36, None, 9, 15),
        (0.0, 0.1, 0, 3),
        (0.59, 0.5, 14, 15),
    ],
)
def test_a_part_begins_with_the_picture_shown_at_its_start_and_ends_before_its_end(
    start: float, duration: float | None, first: int, last: int, bunny: Coded, whole: Media, tmp_path: Path
) -> None:
    found = part(bunny[0], tmp_path / "part.mkv", start, duration)
    assert same_pictures(found.pictures, whole.pictures[first:last])
    assert found.times == [Fraction(n, RATE) for n in range(last - first)]


def test_a_part_s_sound_is_that_of_its_pictures(bunny: Coded, whole: Media, tmp_path: Path) -> None:
    found = part(bunny[0], tmp_path / "part.mkv", 0.2, 0.2)
    base = whole.tracks[0].time_base
    wanted = [p for p in whole.packets if Fraction(1, 5) <= (p.pts or 0) * base < Fraction(2, 5)]
    assert wanted and [packet.data for packet in found.packets] == [packet.data for packet in wanted]
    for packet, original in zip(found.packets, wanted, strict=True):
        time = (packet.pts or 0) * found.tracks[0].time_base
        assert abs(time - ((original.pts or 0) * base - Fraction(1, 5))) <= Fraction(1, 1000)  # Matroska's clock


def test_a_part_costs_no_more_bytes_than_it_and_its_surroundings_have(long: bytes, tmp_path: Path) -> None:
    report = decode(io.BytesIO(long), tmp_path / "out.mkv", DecodeOptions(start_s=3.7, duration_s=0.2))
    own, index = groups(long), places_of(long)[-1]
    around = [place for place in packets(long) if own[4].begin < place.begin < own[-4].begin]
    assert report.frames == 6 and report.gops == 1
    wanted = own[12]  # 3.6 s … 3.96 s
    needed = header_end(long) + 8 + sum(place.end - place.begin for place in (index, wanted, *around))
    assert wanted.end - wanted.begin < report.bytes_read <= needed + 10 * len(own)
    assert report.bytes_read < len(long) / 2


def test_without_an_index_and_from_a_pipe_it_is_the_same_part(bunny: Coded, whole: Media, tmp_path: Path) -> None:
    options = DecodeOptions(lossless=True, start_s=0.3, duration_s=0.2)
    index = places_of(bunny[0])[-1].begin
    for number, file in enumerate([as_file(Pipe(bunny[0])), io.BytesIO(bunny[0][:index])]):
        report = decode(file, tmp_path / f"{number}.mkv", options)
        assert same_pictures(read(tmp_path / f"{number}.mkv").pictures, whole.pictures[7:13])
        assert report.gops == 2


def test_a_part_after_the_end_is_an_error_and_leaves_nothing(bunny: Coded, tmp_path: Path) -> None:
    with pytest.raises(BitstreamError, match=r"the file ends at 0\.600 s, before the start asked for"):
        part(bunny[0], tmp_path / "out.mkv", 0.6, None)
    assert list(tmp_path.iterdir()) == []
