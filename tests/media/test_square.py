"""The square in the middle: where it lies, what becomes of a box, and that it is cut as a person sees the picture."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from nvcodec.errors import UnsupportedInput
from nvcodec.media import Colour, Picture, VideoFormat
from nvcodec.media.square import framing_of, square_format, squared, stored_scale

WIDE = VideoFormat(width=320, height=180, time_base=Fraction(1, 25), frame_rate=Fraction(25))


@pytest.mark.parametrize(
    ("video", "scaled", "stored", "corner"),
    [
        (WIDE, (114, 64), "114x64", (24, 0)),
        (replace(WIDE, width=90), (64, 128), "64x128", (0, 32)),
        (replace(WIDE, rotation=90), (64, 114), "114x64", (0, 24)),
        (replace(WIDE, sample_aspect_ratio=Fraction(1, 2)), (64, 72), "64x72", (0, 4)),
        (replace(WIDE, sample_aspect_ratio=Fraction(1, 2), rotation=-90), (72, 64), "64x72", (4, 0)),
        (replace(WIDE, width=64, height=64), (64, 64), "64x64", (0, 0)),
        (replace(WIDE, width=7, height=5), (90, 64), "90x64", (12, 0)),
    ],
)
def test_pictures_are_scaled_to_cover_the_square_and_cut_in_the_middle(
    video: VideoFormat, scaled: tuple[int, int], stored: str, corner: tuple[int, int]
) -> None:
    framing = framing_of(video, 64)
    assert (framing.scaled, framing.corner, stored_scale(framing, video)) == (scaled, corner, stored)


def test_a_box_is_found_again_in_the_square() -> None:
    framing = framing_of(WIDE, 64)
    assert framing.box_in_square((0, 0, 320, 180)) == (0, 0, 64, 64)
    x, y, width, height = framing.box_in_square((160, 90, 28, 28))
    # 320 pixels become 114 and 24 are cut; 180 become 64
    assert (x, y) == (33, 32) and (x + width, y + height) == (43, 42)
    for box in ((0, 0, 60, 180), (0, 180, 320, 9), (300, 10, 20, 20)):
        with pytest.raises(UnsupportedInput, match=r"touches nothing of what a model sees of 320x180 pixels: 180x180"):
            framing.box_in_square(box)


def test_a_picture_on_its_side_is_turned_before_it_is_cut() -> None:
    rows = np.arange(8, dtype=np.uint8)[:, None].repeat(12, 1)
    half = np.zeros((4, 6), np.uint8)
    picture = Picture(7, rows, half, half, 3)
    video = replace(WIDE, width=12, height=8, rotation=90)  # counter-clockwise: what was above is on the left
    turned = squared(picture, video, framing_of(video, 8))
    assert turned.y.tolist() == [list(range(8))] * 8
    assert (turned.pts, turned.duration, turned.u.shape) == (7, 3, (4, 4))
    assert square_format(video, 8) == VideoFormat(
        width=8, height=8, time_base=video.time_base, frame_rate=video.frame_rate
    )


def test_many_bits_and_full_range_become_eight_in_limited_range() -> None:
    video = replace(WIDE, width=8, height=8, bit_depth=10, colour=Colour(full_range=True))
    y, chroma = np.full((8, 8), 1023, np.uint16), np.full((4, 4), 512, np.uint16)
    y[0] = 0
    cut = squared(Picture(0, y, chroma, chroma), video, framing_of(video, 8))
    assert cut.y.dtype == np.uint8
    assert cut.y[:2, 0].tolist() == [16, 235] and cut.u[0, 0] == cut.v[0, 0] == 128
    assert not square_format(video, 8).colour.full_range
    limited = squared(Picture(0, y, chroma, chroma), replace(video, colour=Colour()), framing_of(video, 8))
    assert limited.y[:2, 0].tolist() == [0, 255]
