"""Films: what is read and written again is the same to the bit, times go on, and tiles lie where they should."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec.errors import NvcodecError, UnsupportedInput
from nvcodec.generate.pictures import Film, film_of, read_film, sheet, tiled
from nvcodec.generate.regions import known_by_box, known_by_mask
from nvcodec.media import MediaWriter

CLIPS = Path(__file__).parents[1] / "clips"
BUNNY = CLIPS / "bunny.mp4"


@pytest.fixture(scope="module")
def film() -> Film:
    return read_film(BUNNY, 64, most=6)[0]


def grey(*levels: int) -> Film:
    """A film of 8 by 8 pixels, a picture for each level of luma."""
    planes = torch.tensor(levels, dtype=torch.float32)[None, :, None, None].expand(6, -1, 4, 4)
    luma = planes[:4] / 255 - 0.5
    return film_of(torch.cat([luma, torch.zeros_like(planes[4:])]))


def equal(one: Film, two: Film) -> bool:
    pairs = zip(one.pictures, two.pictures, strict=True)
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for a, b in pairs for name in ("y", "u", "v"))


def test_a_film_is_of_the_size_asked_for_and_keeps_the_times(film: Film) -> None:
    assert (film.video.width, film.video.height, film.rate, len(film.pictures)) == (64, 64, 25, 6)
    assert [float(p.pts * film.video.time_base) for p in film.pictures] == [n / 25 for n in range(6)]
    part, framing = read_film(BUNNY, 64, start_s=0.08, duration_s=0.1)
    assert len(part.pictures) == 3 and framing.source == (320, 180)
    assert np.array_equal(part.pictures[0].y, film.pictures[2].y)


def test_frames_and_pictures_are_the_same_thing(film: Film) -> None:
    frames = film.frames()
    assert frames.shape == (6, 6, 32, 32) and frames.dtype == torch.float32
    again = film.with_frames(frames)
    assert equal(again, film) and [p.pts for p in again.pictures] == [p.pts for p in film.pictures]
    assert equal(film.with_frames(frames.flip(1)).last(1), film.with_frames(frames[:, :1].expand_as(frames)).last(1))


def test_what_follows_goes_on_at_the_film_s_rate(film: Film) -> None:
    frames = film.frames()
    whole, alone = film.followed_by(frames[:, :3])
    step = film.pictures[1].pts - film.pictures[0].pts
    assert [p.pts for p in whole.pictures] == [n * step for n in range(9)]
    assert [p.pts for p in alone.pictures] == [0, step, 2 * step]
    assert equal(whole.last(3), alone) and equal(film, Film(film.video, whole.pictures[:6]))


def test_what_was_drawn_is_shown_at_the_rate_asked_for(film: Film) -> None:
    drawn = film_of(film.frames(), Fraction(10))
    assert equal(drawn, film) and drawn.video.frame_rate == 10
    assert [float(p.pts * drawn.video.time_base) for p in drawn.pictures] == [n / 10 for n in range(6)]


def test_films_are_tiled_row_by_row() -> None:
    together = tiled([grey(50, 51), grey(60, 61), grey(70, 71)], 2)
    assert (together.video.width, together.video.height, len(together.pictures)) == (16, 16, 2)
    assert together.pictures[1].y[::8, ::8].tolist() == [[51, 61], [71, 16]]  # black where there is none
    assert together.pictures[1].u.shape == (8, 8)


def test_a_sheet_has_a_row_for_every_film_and_shows_both_its_ends() -> None:
    page = sheet([grey(*range(50, 59)), grey(*range(70, 79))], 5)
    (picture,) = page.pictures
    assert picture.y[::8, ::8].tolist() == [[50, 52, 54, 56, 58], [70, 72, 74, 76, 78]]
    assert sheet([grey(50, 60)], 5).pictures[0].y[::8, ::8].tolist() == [[50, 60]]
    assert sheet([grey(50, 60)], 1).pictures[0].y[::8, ::8].tolist() == [[50]]


def test_boxes_of_a_clip_leave_known_what_they_do_not_touch() -> None:
    _, framing = read_film(BUNNY, 32, most=1)  # 320 pixels become 56, and of these 12 are cut
    grid = (3, 4, 4)
    known = known_by_box(grid, framing, (120, 30, 60, 60)).reshape(4, 4)
    assert known.int().tolist() == [[1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
    kept = known_by_box(grid, framing, (110, 40, 120, 100), outside=True).reshape(4, 4)
    assert kept.int().tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    with pytest.raises(NvcodecError, match="the box 120,40,50,50 must hold whole squares of 8 by 8"):
        known_by_box(grid, framing, (120, 40, 50, 50), outside=True)
    with pytest.raises(NvcodecError, match="and not all"):
        known_by_box(grid, framing, (0, 0, 320, 180), outside=True)


def test_a_mask_is_laid_over_the_clip_as_it_is_shown(tmp_path: Path) -> None:
    film = grey(16)
    white, black = grey(235), grey(16)
    page = tiled([black, black, black, black, white, black, black, black, black], 3)  # 24 by 24, white in the middle
    mask = tmp_path / "mask.png"
    with MediaWriter(mask, page.video) as out:
        out.write(page.pictures[0])
    # 24 pixels become 32: the white ones begin at 10.7 and end at 21.3
    assert known_by_mask((3, 4, 4), mask).reshape(4, 4).int().tolist() == [
        [1, 1, 1, 1],
        [1, 0, 0, 1],
        [1, 0, 0, 1],
        [1, 1, 1, 1],
    ]
    with MediaWriter(mask, film.video) as out:
        out.write(film.pictures[0])
    with pytest.raises(NvcodecError, match="nothing is to be drawn"):
        known_by_mask((3, 4, 4), mask)
    assert not known_by_mask((3, 4, 4), mask, outside=True).any()
    with pytest.raises(UnsupportedInput, match="no such file"):
        known_by_mask((3, 4, 4), tmp_path / "nothing.png")
