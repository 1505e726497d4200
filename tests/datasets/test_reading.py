"""One clip of a set: which pictures, what piece of them, and in what numbers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nvcodec.datasets import LabelledClip, read_clip
from nvcodec.errors import UnsupportedInput
from nvcodec.media import MediaReader, MediaWriter, Picture, VideoFormat
from nvcodec.media.packing import pack

from .samples import RATE, grey_of, write_still, write_video


def numbers(clip: np.ndarray) -> list[int]:
    """Which frame of `write_video` each picture is, by its luma."""
    return [round((float(picture[:4].mean()) - grey_of(0)) / 6) for picture in clip]


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".webm", ".mkv"])
def test_successive_pictures_come_from_the_middle(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip{suffix}"
    write_video(path, 21)
    clip = read_clip(LabelledClip(path, 0), 5, 32)
    assert clip.shape == (5, 6, 16, 16) and clip.dtype == np.uint8
    assert numbers(clip) == [8, 9, 10, 11, 12]


def test_a_clip_as_long_as_wanted_is_the_decoded_pictures_bit_for_bit(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", 9, 32, 32)
    with MediaReader(tmp_path / "clip.mp4") as media:
        decoded = [pack(item.y, item.u, item.v) for item in media.items() if isinstance(item, Picture)]
    assert np.array_equal(read_clip(LabelledClip(tmp_path / "clip.mp4", 0), 9, 32), np.stack(decoded))


def test_a_time_range_is_kept_to(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", 36)
    inside = LabelledClip(tmp_path / "clip.mp4", 0, start_s=10 / RATE, end_s=17 / RATE)
    assert numbers(read_clip(inside, 3, 32)) == [12, 13, 14]
    assert numbers(read_clip(inside, 9, 32)) == [10, 11, 12, 13, 14, 15, 16, 16, 16]
    with pytest.raises(UnsupportedInput, match="ends before the start"):
        read_clip(LabelledClip(tmp_path / "clip.mp4", 0, start_s=9.0), 3, 32)


@pytest.mark.parametrize(("width", "height"), [(96, 48), (48, 96), (144, 48)])
def test_the_square_in_the_middle_is_kept(width: int, height: int, tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mkv", 3, width, height)  # the white bands lie outside of the square
    clip = read_clip(LabelledClip(tmp_path / "clip.mkv", 0), 3, 24)
    assert numbers(clip) == [0, 1, 2]
    assert clip[:, :4].max() < 60


@pytest.mark.parametrize(
    ("video", "dark"),
    [
        ({"width": 64, "height": 64}, "top"),
        ({"width": 64, "height": 64, "rotation": 90}, "left"),  # counter-clockwise
        ({"width": 32, "height": 64, "sample_aspect_ratio": Fraction(2)}, "top"),
        ({"width": 64, "height": 64, "bit_depth": 10}, "top"),
    ],
)
def test_pictures_are_as_they_are_shown(video: dict[str, Any], dark: str, tmp_path: Path) -> None:
    form = VideoFormat(time_base=Fraction(1, 10), frame_rate=Fraction(10), **video)
    more = 1 << (form.bit_depth - 8)
    y = np.full((form.height, form.width), 200 * more, form.dtype)
    y[: form.height // 4] = 50 * more
    u = np.full((form.height // 2, form.width // 2), 128 * more, form.dtype)
    with MediaWriter(tmp_path / "clip.mp4", form) as out:
        out.write(Picture(0, y, u, u, 1))
    luma = read_clip(LabelledClip(tmp_path / "clip.mp4", 0), 1, 32)[0, 0].astype(int)  # [S/2, S/2]
    expected = np.full((16, 16), 200)
    expected[:4] = 50
    inner = np.abs(luma - (expected if dark == "top" else expected.T))
    assert np.median(inner) <= 2 and (inner > 20).mean() < 0.13  # but for the edge between


def test_a_still_is_repeated_and_comes_in_limited_range(tmp_path: Path) -> None:
    for grey, luma in ((255, 235), (0, 16), (100, 102)):
        write_still(tmp_path / "still.JPEG", grey)
        clip = read_clip(LabelledClip(tmp_path / "still.JPEG", 0), 5, 32)
        assert clip.shape == (5, 6, 16, 16)
        assert np.abs(clip[:, :4].astype(int) - luma).max() <= 1 and np.abs(clip[:, 4:].astype(int) - 128).max() <= 1


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    for name in ("broken.mp4", "gone.mp4"):
        with pytest.raises(UnsupportedInput, match=name):
            read_clip(LabelledClip(tmp_path / name, 0), 5, 32)


def test_a_video_with_fewer_pictures_than_it_claims_is_read_from_its_beginning(tmp_path: Path) -> None:
    write_video(tmp_path / "whole.mkv", 36)
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 2 // 5])  # its header still says how long it was
    assert numbers(read_clip(LabelledClip(tmp_path / "cut.mkv", 0), 5, 32)) == [0, 1, 2, 3, 4]
