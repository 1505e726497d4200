"""Bit rates, target sizes and regions of interest: met on real clips, by the file as it is written."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest

from nvcodec.codec import EncodeOptions, encode
from nvcodec.codec.rate_search import RUNG_MIN, TRIES_MAX, search_rung
from nvcodec.codec.roi import Roi, weights_of
from nvcodec.errors import NvcodecError

from .support import BUNNY, CARPHONE, coded, contents, decoded, read


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("target", [90_000, 130_000])
def test_a_file_is_never_above_its_target_size_and_within_three_percent_of_it(target: int, threads: int) -> None:
    data, report = coded(BUNNY, target_size=target, gop=13, threads=threads)
    assert 0.97 * target <= len(data) <= target
    assert report.rate is not None and (report.rate.asked, report.rate.reached) == (target, len(data))
    assert len(contents(data)[1]) == 3


@pytest.mark.parametrize("threads", [1, 2])
def test_the_pictures_take_as_many_bits_a_second_as_asked(threads: int) -> None:
    data, report = coded(CARPHONE, bitrate=60_000, gop=9, threads=threads)
    payload = sum(len(gop.payload) for gop in contents(data)[1])
    assert 0.97 * 60_000 <= 8 * payload / report.duration_s <= 60_000


def test_a_bit_rate_needs_no_more_than_a_pipe() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    def y4m() -> bytes:
        pictures = read(CARPHONE, duration_s=0.4).pictures
        planes = b"".join(b"FRAME\n" + b"".join(p.tobytes() for p in (q.y, q.u, q.v)) for q in pictures)
        return b"YUV4MPEG2 W176 H144 F30:1 Ip C420jpeg\n" + planes

    file = io.BytesIO()
    report = encode(Pipe(y4m()), file, EncodeOptions(bitrate=80_000, gop=5, threads=1))
    assert report.rate is not None and 0.95 * 80_000 <= report.rate.reached <= 80_000
    with pytest.raises(NvcodecError, match="--bitrate can"):
        encode(Pipe(y4m()), io.BytesIO(), EncodeOptions(target_size=20_000))


def test_a_size_too_small_for_the_pictures_or_even_the_sound_is_an_error_with_a_way_out() -> None:
    with pytest.raises(NvcodecError, match="--no-audio"):
        coded(BUNNY, target_size=20_000)
    smallest = len(coded(BUNNY, quality=1, audio=False)[0])
    with pytest.raises(NvcodecError, match="even at quality 1"):
        coded(BUNNY, target_size=smallest - 100, audio=False)


def test_a_bit_rate_that_quality_1_exceeds_is_coded_with_a_warning() -> None:
    _, report = coded(CARPHONE, bitrate=500, threads=1)
    assert report.rate is not None and report.rate.quality_max == 1
    assert any("quality 1 takes" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bitrate": 1000, "target_size": 1000}, "cannot be met at once"),
        ({"bitrate": 0}, "is at least 1"),
        ({"target_size": 1000, "tokens": True}, "no rate, size, VMAF or region changes them"),
        ({"roi": Roi(box=(0, 0, 8, 8)), "tokens": True}, "no rate, size, VMAF or region changes them"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        coded(CARPHONE, **options)


@pytest.mark.parametrize("guess", [5, 150, 500])
@pytest.mark.parametrize("slope", [30.0, 59.0, 150.0])
def test_the_search_ends_within_its_tries_close_below_the_budget(guess: int, slope: float) -> None:
    asked: list[int] = []

    def size_of(rung: int) -> int:
        asked.append(rung)
        return round(300 * 2 ** (rung / slope))

    budget = size_of(190) + 3
    asked.clear()
    rung = search_rung(size_of, budget, guess)
    assert len(asked) == len(set(asked)) <= TRIES_MAX + 1
    assert 0.95 * budget <= size_of(rung) <= budget
    assert search_rung(lambda rung: budget + rung, budget, guess) == RUNG_MIN


def region_psnr(data: bytes, path: Path, inside: np.ndarray) -> tuple[float, float]:
    before, after = read(BUNNY).pictures, decoded(data, path).pictures

    def psnr(where: np.ndarray) -> float:
        errors = [np.mean((a.y.astype(float) - b.y)[where] ** 2) for a, b in zip(before, after, strict=True)]
        return 10 * math.log10(255**2 / float(np.mean(errors)))

    return psnr(inside), psnr(~inside)


def test_a_region_gets_better_pictures_and_the_rest_worse_at_the_same_size(tmp_path: Path) -> None:
    inside = np.zeros((180, 320), bool)
    inside[40:136, 96:192] = True
    plain, _ = coded(BUNNY, target_size=20_000, audio=False)
    region, _ = coded(BUNNY, target_size=20_000, audio=False, roi=Roi(box=(96, 40, 96, 96)))
    assert abs(len(region) - len(plain)) <= 0.03 * len(plain)
    before, after = (region_psnr(d, tmp_path / f"{i}.mkv", inside) for i, d in enumerate((plain, region)))
    assert after[0] > before[0] + 0.3
    assert after[1] < before[1] - 0.1


def test_a_region_may_be_a_box_or_a_mask_with_or_without_a_gain(tmp_path: Path) -> None:
    from PIL import Image

    assert Roi.parse("1,2,3,4") == Roi(box=(1, 2, 3, 4))
    assert Roi.parse("C:/mask.png") == Roi(mask="C:/mask.png")
    mask = np.zeros((144, 176), np.uint8)
    mask[32:64, 16:80] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    drawn = weights_of(Roi.parse("16,32,64,32:4"), 176, 144)
    assert np.allclose(drawn, weights_of(Roi.parse(f"{tmp_path / 'mask.png'}:4"), 176, 144), atol=0.05)
    assert sorted(set(drawn.tolist())) == [0.25, 1.0]
    with pytest.raises(NvcodecError, match="within 176x144"):
        weights_of(Roi(box=(500, 0, 8, 8)), 176, 144)
    for wrong, said in (("1,2,3,4:0.5", "the gain of a region"), ("a,b,c,d", "is no region")):
        with pytest.raises(NvcodecError, match=said):
            Roi.parse(wrong)
