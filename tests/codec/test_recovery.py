"""Damaged files are decoded as far as they are whole; the rest is concealed, said, and takes the time it took."""

from __future__ import annotations

import dataclasses
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nvcodec.bitstream import BitstreamError, TruncatedFile

from nvcodec.codec import DecodeOptions, DecodeReport, EncodeReport, decode
from nvcodec.codec.conceal import between
from nvcodec.errors import NvcodecError
from nvcodec.media import Picture

from .damage import broken, edits, groups, packets, places_of
from .support import CARPHONE, Media, coded, contents, read, rebuilt, same_pictures

LOSSLESS = DecodeOptions(lossless=True)
FRAMES = 5  # of a group of `small`


@pytest.fixture(scope="module")
def small() -> bytes:
    """Twenty frames of carphone, 22×18, in four groups."""
    return coded(CARPHONE, duration_s=0.66, scale="1/8", gop=FRAMES, audio=False)[0]


@pytest.fixture(scope="module")
def reference(small: bytes, tmp_path_factory: pytest.TempPathFactory) -> Media:
    """What it decodes to."""
    return recovered(small, tmp_path_factory.mktemp("small"))[0]


def recovered(data: bytes, folder: Path, options: DecodeOptions = LOSSLESS) -> tuple[Media, DecodeReport]:
    """What a file decodes to, over its damage, to the bit; and the report."""
    report = decode(io.BytesIO(data), folder / "out.mkv", options)
    return read(folder / "out.mkv"), report


def without(data: bytes, *numbers: int) -> bytes:
    """The file with these groups damaged."""
    return broken(data, *(groups(data)[number] for number in numbers))


def assert_groups_are(found: Media, expected: Media, numbers: list[int]) -> None:
    for number in numbers:
        part = slice(FRAMES * number, FRAMES * (number + 1))
        assert same_pictures(found.pictures[part], expected.pictures[part])


def test_a_whole_file_has_no_damage_and_no_losses(small: bytes, tmp_path: Path) -> None:
    _, report = recovered(small, tmp_path)
    assert (report.frames, report.gops, report.losses, report.damage) == (20, 4, (), ())


@pytest.mark.parametrize("lost", [[0], [1], [3], [1, 2], [0, 3]])
def test_what_is_whole_comes_out_to_the_bit_and_the_rest_takes_its_time(
    lost: list[int], small: bytes, reference: Media, tmp_path: Path
) -> None:
    found, report = recovered(without(small, *lost), tmp_path)
    assert found.times == reference.times
    kept = [number for number in range(4) if number not in lost]
    assert_groups_are(found, reference, kept)
    assert (report.frames, report.gops) == (20, len(kept))
    assert sum(loss.frames for loss in report.losses) == FRAMES * len(lost)
    assert len(report.damage) == len(lost) and all("damaged" in text for text in report.damage)
    first = report.losses[0]
    assert first.start_s == pytest.approx(float(reference.times[FRAMES * lost[0]]), abs=1e-3)


def test_a_lost_group_begins_as_the_last_picture_and_ends_as_nearly_the_next(
    small: bytes, reference: Media, tmp_path: Path
) -> None:
    found, _ = recovered(without(small, 1), tmp_path)
    before, after = reference.pictures[FRAMES - 1], reference.pictures[2 * FRAMES]
    distances = [
        (float(np.abs(p.y.astype(int) - before.y).sum()), float(np.abs(p.y.astype(int) - after.y).sum()))
        for p in found.pictures[FRAMES : 2 * FRAMES]
    ]
    assert distances[0][0] == 0
    assert [one for one, _ in distances] == sorted(one for one, _ in distances)
    assert [other for _, other in distances] == sorted((other for _, other in distances), reverse=True)
    assert distances[-1][1] < distances[-1][0]


def test_a_lost_end_stays_as_the_last_picture_and_a_lost_begin_is_the_first(
    small: bytes, reference: Media, tmp_path: Path
) -> None:
    found, _ = recovered(without(small, 0, 3), tmp_path)
    assert all(same_pictures([picture], [reference.pictures[FRAMES]]) for picture in found.pictures[:FRAMES])
    last = reference.pictures[3 * FRAMES - 1]
    assert all(same_pictures([picture], [last]) for picture in found.pictures[3 * FRAMES :])


def test_planes_that_decode_wrong_are_a_lost_group(small: bytes, reference: Media, tmp_path: Path) -> None:
    header, gops, _ = contents(small)
    gops[2] = dataclasses.replace(gops[2], planes_crc=gops[2].planes_crc ^ 1)
    found, report = recovered(rebuilt(header, gops), tmp_path)
    assert_groups_are(found, reference, [0, 1, 3])
    assert found.times == reference.times
    (loss,) = report.losses
    assert loss.frames == FRAMES and "GOP 2" in loss.reason and "checksum" in loss.reason
    assert report.damage == ()


def test_an_unfinished_file_is_decoded_to_its_last_whole_group(small: bytes, reference: Media, tmp_path: Path) -> None:
    found, report = recovered(small[: groups(small)[2].begin + 20], tmp_path)
    assert found.times == reference.times[: 2 * FRAMES]
    assert_groups_are(found, reference, [0, 1])
    cut, unknown = report.damage
    assert "the file ends" in cut and "2 GOPs before that are whole" in cut
    assert "what came after 0.334 s" in unknown


def test_a_file_of_which_nothing_is_whole_is_an_error_and_leaves_nothing(small: bytes, tmp_path: Path) -> None:
    with pytest.raises(BitstreamError, match=r"chunk 1 .*damaged"):
        recovered(without(small, 0, 1, 2, 3), tmp_path)
    with pytest.raises(TruncatedFile):
        recovered(small[: groups(small)[0].begin + 20], tmp_path)
    header, gops, _ = contents(small)
    wrong = [dataclasses.replace(gop, planes_crc=gop.planes_crc ^ 1) for gop in gops]
    with pytest.raises(NvcodecError, match="GOP 0"):
        recovered(rebuilt(header, wrong), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_strict_decoding_stops_at_the_first_damage(small: bytes, tmp_path: Path) -> None:
    with pytest.raises(BitstreamError, match="chunk 2"):
        recovered(without(small, 1, 3), tmp_path, dataclasses.replace(LOSSLESS, strict=True))
    assert list(tmp_path.iterdir()) == []


def test_sound_stays_at_its_time_over_lost_pictures(bunny: tuple[bytes, EncodeReport], tmp_path: Path) -> None:
    data = bunny[0]
    whole = recovered(data, tmp_path)[0]
    found, report = recovered(without(data, 0), tmp_path)
    assert [(p.pts, p.data) for p in found.packets] == [(p.pts, p.data) for p in whole.packets]
    assert found.times == whole.times
    assert [loss.frames for loss in report.losses] == [9]


def test_lost_sound_is_said_with_its_times_and_what_is_left_keeps_its_own(
    bunny: tuple[bytes, EncodeReport], tmp_path: Path
) -> None:
    data = bunny[0]
    whole = recovered(data, tmp_path)[0]
    found, report = recovered(broken(data, packets(data)[1]), tmp_path)
    base = whole.tracks[0].time_base
    left = {packet.data: packet.pts for packet in found.packets}
    assert 0 < len(left) < len(whole.packets)
    times = {packet.data: packet.pts for packet in whole.packets}
    assert all(times[data] == pts for data, pts in left.items())
    (loss,) = report.losses
    assert loss.frames == 0 and loss.track == 0
    gone = [(p.pts or 0) * base for p in whole.packets if p.data not in left]
    assert loss.start_s == pytest.approx(float(min(gone)), abs=0.03)
    assert loss.end_s > float(max(gone)) - 0.03
    assert same_pictures(found.pictures, whole.pictures)


def test_a_mixture_goes_from_one_picture_to_the_other() -> None:
    white, black = np.full((2, 2), 65535, np.uint16), np.zeros((2, 2), np.uint16)
    one, other = Picture(0, white, white, white), Picture(0, black, black, black)
    values = [int(between(one, other, share).y[0, 0]) for share in (-1, 0, 0.25, 0.5, 1)]
    assert values == [65535, 65535, 49151, 32768, 0]
    assert between(None, other, 0.0) is other and between(one, None, 1.0) is one


# Every example is decoded, so few are enough here; the container's own tests try hundreds.
@settings(max_examples=25)
@given(data=st.data())
def test_whatever_happens_to_the_bytes_untouched_groups_come_out_to_the_bit(
    data: st.DataObject, small: bytes, reference: Media
) -> None:
    edit = data.draw(edits(len(small)))
    header, own = places_of(small)[0], groups(small)
    spared = [number for number, place in enumerate(own) if edit.spares(place)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            found, report = recovered(edit.of(small), Path(folder))
        except (NvcodecError, BitstreamError):
            assert not spared or not edit.spares(header) or edit.begin < header.begin
            assert list(Path(folder).iterdir()) == []
            return
    assert report.gops == len(spared) and report.damage
    pictures = dict(zip(found.times, found.pictures, strict=True))
    for number in spared:
        part = slice(FRAMES * number, FRAMES * (number + 1))
        assert same_pictures([pictures[time] for time in reference.times[part]], reference.pictures[part])


@settings(max_examples=25)
@given(
    payload=st.binary(max_size=300),
    counts=st.lists(st.integers(0, 8), min_size=5, max_size=5) | st.lists(st.integers(0, 15), max_size=11),
    qualities=st.tuples(st.integers(1, 100), st.integers(1, 100)) | st.tuples(st.integers(0, 255), st.integers(0, 255)),
)
def test_a_group_that_no_encoder_wrote_is_lost_and_costs_no_other(
    payload: bytes, counts: list[int], qualities: tuple[int, int], small: bytes, reference: Media
) -> None:
    header, gops, _ = contents(small)
    hostile = dataclasses.replace(
        gops[1], payload=payload, plane_counts=bytes(counts), first_quality=qualities[0], quality=qualities[1]
    )
    with tempfile.TemporaryDirectory() as folder:
        found, report = recovered(rebuilt(header, [gops[0], hostile, *gops[2:]]), Path(folder))
    assert (report.gops, [loss.frames for loss in report.losses]) == (3, [FRAMES])
    assert_groups_are(found, reference, [0, 2, 3])


def test_bytes_from_a_pipe_are_recovered_too(small: bytes, reference: Media, tmp_path: Path) -> None:
    from .test_streams import Pipe, as_file

    report = decode(as_file(Pipe(without(small, 1))), tmp_path / "out.mkv", LOSSLESS)
    assert read(tmp_path / "out.mkv").times == reference.times
    assert report.gops == 3
