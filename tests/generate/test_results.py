"""What was drawn, as files: the same every time, whole or not at all, and no more than a picture can hold."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec.codec import decode
from nvcodec.errors import NvcodecError, OutputExists
from nvcodec.generate.pictures import Film, film_of, read_film
from nvcodec.generate.results import ResultOptions, write_film, write_films, write_tokens

from .test_pictures import equal, grey

BUNNY = Path(__file__).parents[1] / "clips" / "bunny.mp4"
LOSSLESS = ResultOptions(lossless=True)


@pytest.fixture(scope="module")
def films() -> list[Film]:
    """Three films of five pictures of 64 by 64 pixels."""
    return [read_film(BUNNY, 64, start_s=start_s, most=5)[0] for start_s in (0.0, 0.5, 1.0)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm", "out.y4m", "out.png", "out.mgv"])
def test_the_same_films_make_the_same_file(name: str, films: list[Film], tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        assert write_films(films, tmp_path / folder / name, ResultOptions()) == ()
    one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
    assert one == two and len(one) > 1000
    assert names(tmp_path / "one") == [name]


@pytest.mark.parametrize(("columns", "size"), [(0, (128, 128)), (3, (192, 64)), (1, (64, 192))])
def test_several_films_are_shown_side_by_side(
    columns: int, size: tuple[int, int], films: list[Film], tmp_path: Path
) -> None:
    path = tmp_path / "out.mkv"
    write_films(films, path, LOSSLESS, columns)
    shown, framing = read_film(path, 64)
    assert framing.source == size and len(shown.pictures) == 5


def test_a_number_in_the_name_makes_a_file_of_each(films: list[Film], tmp_path: Path) -> None:
    write_films(films, tmp_path / "out-%02d.mkv", LOSSLESS)
    assert names(tmp_path) == ["out-01.mkv", "out-02.mkv", "out-03.mkv"]
    for number, film in enumerate(films, start=1):
        assert equal(read_film(tmp_path / f"out-{number:02}.mkv", 64)[0], film)
    (tmp_path / "out-01.mkv").unlink()
    with pytest.raises(OutputExists, match=r"out-02\.mkv exists already"):
        write_films(films, tmp_path / "out-%02d.mkv", LOSSLESS)
    assert names(tmp_path) == ["out-02.mkv", "out-03.mkv"]  # the first was not begun


def test_a_png_has_a_row_for_each_film_and_a_film_may_be_written_picture_by_picture(tmp_path: Path) -> None:
    write_films([grey(50, 60, 70), grey(80, 90, 100)], tmp_path / "grid.png", ResultOptions())
    _, framing = read_film(tmp_path / "grid.png", 8)
    assert framing.source == (24, 16)
    write_film(grey(*range(100, 130)), tmp_path / "row.png", ResultOptions())
    assert read_film(tmp_path / "row.png", 8)[1].source == (17 * 8, 8)
    write_film(grey(50, 60), tmp_path / "frame-%d.png", ResultOptions())
    assert names(tmp_path) == ["frame-1.png", "frame-2.png", "grid.png", "row.png"]


def test_too_many_films_for_one_picture_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(NvcodecError, match=r"2049 clips are too many for one picture; grid-%03d\.png makes a file of"):
        write_films([grey(50)] * 2049, tmp_path / "grid.png", ResultOptions())
    with pytest.raises(NvcodecError, match=r"out-%03d\.mp4"):
        write_films([grey(50)] * 2049, tmp_path / "out.mp4", ResultOptions(), 1)
    assert names(tmp_path) == []


def test_a_coded_film_is_the_codec_s_and_keeps_its_times(films: list[Film], tmp_path: Path) -> None:
    film = film_of(films[0].frames(), Fraction(30000, 1001))
    write_film(film, tmp_path / "fine.mgv", ResultOptions(quality=90))
    write_film(film, tmp_path / "rough.mgv", ResultOptions(quality=10))
    with (tmp_path / "fine.mgv").open("rb") as file:
        report = decode(file, tmp_path / "fine.mkv")
    assert report.frames == 5 and report.duration_s == pytest.approx(5 * 1001 / 30000)
    shown, _ = read_film(tmp_path / "fine.mkv", 64)
    error = np.mean([(a.y.astype(int) - b.y) ** 2 for a, b in zip(shown.pictures, film.pictures, strict=True)])
    assert 10 * np.log10(255**2 / error) > 30
    assert (tmp_path / "rough.mgv").stat().st_size < (tmp_path / "fine.mgv").stat().st_size


def test_nothing_is_replaced_unless_asked_for(films: list[Film], tmp_path: Path) -> None:
    for name in ("out.mp4", "out.png", "out.mgv"):
        path = tmp_path / name
        path.write_bytes(b"mine")
        with pytest.raises(OutputExists):
            write_films(films, path, ResultOptions())
        assert path.read_bytes() == b"mine"
        write_films(films, path, ResultOptions(replace=True))
        assert path.stat().st_size > 1000


def test_tokens_are_arrays_that_hold_no_object() -> None:
    tokens = torch.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
    file = io.BytesIO()
    write_tokens(tokens, ["3-left", None], file, model="ab" * 32, tokenizer="cd" * 32, seed=7)
    with np.load(io.BytesIO(file.getvalue()), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["tokens"], tokens) and arrays["tokens"].dtype == np.uint32
        assert arrays["classes"].tolist() == ["3-left", ""] and int(arrays["seed"]) == 7
        assert bytes(arrays["model"]).hex() == "ab" * 32 and bytes(arrays["tokenizer"]).hex() == "cd" * 32
