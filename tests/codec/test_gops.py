"""Groups of pictures: independent of each other, and of a length that the memory can hold."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from nvcodec.bitstream import Limits, cells

from nvcodec.codec import DecodeOptions, decode
from nvcodec.codec.gop import GopQuality, planned_quality
from nvcodec.codec.gop_size import gop_frames
from nvcodec.errors import NvcodecError

from .support import CARPHONE, coded, contents, decoded, read, rebuilt, same_pictures


def test_every_gop_decodes_by_itself_to_the_same_frames(carphone: bytes, tmp_path: Path) -> None:
    header, gops, _ = contents(carphone)
    whole = decoded(carphone, tmp_path / "whole.mkv").pictures
    assert [len(gop.pts) for gop in gops] == [5, 5]
    first = 0
    for number, gop in enumerate(gops):
        alone = decoded(rebuilt(header, [gop]), tmp_path / f"{number}.mkv").pictures
        assert same_pictures(alone, whole[first : first + len(gop.pts)])
        first += len(gop.pts)
    assert first == len(whole)


def test_what_one_thread_encoded_any_number_decodes(tmp_path: Path) -> None:
    alone, _ = coded(CARPHONE, duration_s=0.32, scale="1/2", gop=5, threads=1)
    for threads in (1, 2, 3):
        out = tmp_path / f"{threads}.mkv"
        decode(io.BytesIO(alone), out, DecodeOptions(threads=threads))
        assert len(read(out).pictures) == 10


@pytest.mark.parametrize(("frames", "duration_s"), [(1, 0.02), (2, 0.05), (5, 0.15), (6, 0.18), (9, 0.29)])
def test_a_video_of_any_length_keeps_all_its_frames(frames: int, duration_s: float, tmp_path: Path) -> None:
    data, report = coded(CARPHONE, duration_s=duration_s, scale="1/4", gop=5)
    assert report.frames == frames
    assert len(decoded(data, tmp_path / "out.mkv").pictures) == frames


@pytest.mark.parametrize(
    ("wanted", "nearest"), [(10, "9 or 13"), (2, "1 or 5"), (0, "1"), (-3, "1"), (96, "93 or 97")]
)
def test_a_length_that_no_gop_has_is_refused_with_the_nearest(wanted: int, nearest: str) -> None:
    with pytest.raises(NvcodecError, match=f"not {wanted}; the nearest is {nearest}$"):
        coded(CARPHONE, gop=wanted)


@pytest.mark.parametrize(
    ("size", "frames"),
    [
        ((1, 1), 97),
        ((640, 360), 97),
        ((1280, 720), 97),
        ((1920, 1080), 61),
        ((3840, 2160), 13),
        ((7680, 4320), 5),
    ],
)
def test_large_pictures_make_short_gops_unless_asked_otherwise(size: tuple[int, int], frames: int) -> None:
    assert gop_frames(*size, None) == frames
    assert gop_frames(*size, 5) == 5


@pytest.mark.parametrize("size", [(1, 1), (641, 361), (7680, 4320), (16384, 16384)])
def test_no_gop_is_larger_than_a_reader_believes(size: tuple[int, int]) -> None:
    believed = Limits().cells_per_gop
    assert cells(*size, gop_frames(*size, None)) <= believed
    longest = next(frames for frames in range(1021, 0, -4) if cells(*size, frames) <= believed)
    assert gop_frames(*size, longest) == longest
    with pytest.raises(NvcodecError, match=f"at most {longest} frames, not {longest + 4}"):
        gop_frames(*size, longest + 4)


def test_the_first_latent_frame_is_the_finer_the_more_lean_on_it() -> None:
    qualities = [planned_quality(40, latents) for latents in (1, 2, 3, 4, 16, 25, 200)]
    assert [quality.first - quality.others for quality in qualities] == [0, 6, 6, 12, 24, 24, 24]
    assert {quality.others for quality in qualities} == {40}
    assert planned_quality(95, 25) == GopQuality(100, 95)


def test_a_picture_by_itself_is_coded_at_the_quality_asked_for(tmp_path: Path) -> None:
    picture = decoded(coded(CARPHONE, duration_s=0.02, scale="1/2")[0], tmp_path / "still.png")
    _, gops, _ = contents(coded(tmp_path / "still.png", quality=40)[0])
    assert len(picture.pictures) == 1
    assert [(gop.first_quality, gop.quality) for gop in gops] == [(40, 40)]
