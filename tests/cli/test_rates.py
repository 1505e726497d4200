"""`nvcodec encode` to a bit rate, a size, a quality that people see, and with a region: as its users type them."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
import typer
from nvcodec.cli import rates

from nvcodec.media import MediaReader, MediaWriter

from .support import BUNNY, CARPHONE, contents, run, run_well

SMALL = ("--duration", "0.6", "--scale", "1/2", "--gop", "9", "--threads", "1")  # 15 frames of the bunny, two GOPs


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("200000", 200_000),
        ("200k", 200_000),
        ("200K", 200_000),
        ("1.5M", 1_500_000),
        ("3MB", 3_000_000),
        ("0.5g", 500_000_000),
        (" 12kb ", 12_000),
        ("900b", 900),
        (None, None),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str | None, amount: int | None) -> None:
    assert rates.parse_amount(text, "--bitrate") == amount


@pytest.mark.parametrize("text", ["", "k", "fast", "-5k", "0", "0.2", "1e6", "1,5M", "3MiB", "200 k", "9999999999999G"])
def test_what_is_no_amount_is_refused_by_the_option_s_name(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no amount") as caught:
        rates.parse_amount(text, "--target-size")
    assert caught.value.param_hint == "--target-size"


def test_the_examples_in_the_documentation_hold() -> None:
    result = doctest.testmod(rates)
    assert result.attempted > 0 and result.failed == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--bitrate", "fast"), "'fast' is no amount"),
        (("--target-size", "0"), "'0' is no amount"),
        (("-q", "50", "--bitrate", "200k"), "one is enough"),
        (("--bitrate", "200k", "--target-size", "3MB"), "one is enough"),
        (("--bitrate", "200k", "--resume"), "--resume goes with -q"),
        (("--target-vmaf", "80", "--resume"), "--resume goes with -q"),
        (("--target-vmaf", "80", "--bitrate", "200k"), "one is enough"),
        (("--target-vmaf", "101"), "--target-vmaf"),
        (("--target-size", "3MB", "--resume"), "--resume goes with -q"),
    ],
)
def test_options_that_mean_nothing_are_refused_before_anything_is_read(
    options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    result = run("encode", "nowhere.mp4", "out.mgv", *options, cwd=tmp_path)
    assert result.code == 2 and said in result.err and "Traceback" not in result.err
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--target-size", "3kB"), "--no-audio may make room"),
        (("--target-size", "50k", "--parity", "10%"), "target size with parity"),
        (("--bitrate", "50k", "--tokens"), "no rate, size, VMAF or region changes them"),
        (("--roi", "a,b,c,d"), "is no region"),
        (("--roi", "0,0,8,8:0.5"), "the gain of a region"),
        (("--roi", "900,0,8,8"), "within 160x90 pixels"),
        (("--roi", "nowhere.png"), "nowhere.png"),
    ],
)
def test_what_cannot_be_met_is_one_line_and_leaves_no_file(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    assert said in run("encode", BUNNY, "out.mgv", *SMALL, *options, cwd=tmp_path).error
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(("target", "sound"), [(36_000, ()), (6_000, ("--no-audio",))])
def test_a_file_is_never_larger_than_its_target_sound_and_all(
    target: int, sound: tuple[str, ...], tmp_path: Path
) -> None:
    options = ("--target-size", str(target), *sound, "--json")
    report = run_well("encode", BUNNY, "a.mgv", *SMALL, *options, cwd=tmp_path).json
    size = (tmp_path / "a.mgv").stat().st_size
    assert 0.9 * target <= size <= target
    rate = report["rate"]
    assert (rate["asked"], rate["reached"]) == (target, size)
    assert 1 <= rate["quality_min"] <= rate["quality_mean"] <= rate["quality_max"] <= 100


def test_a_bit_rate_is_met_by_the_pictures_that_come_through_a_pipe(tmp_path: Path) -> None:
    clip = tmp_path / "in.y4m"
    with MediaReader(CARPHONE, audio=False, duration_s=0.6) as media, MediaWriter(clip, media.video) as out:
        for picture in media.items():
            out.write(picture)
    options = ("--gop", "9", "--threads", "1", "--bitrate", "60k", "--json")
    result = run_well("encode", "-", "a.mgv", *options, cwd=tmp_path, stdin=clip.read_bytes())
    report = result.json
    reached = 8 * report["video_bytes"] / report["duration_s"]
    assert 0.9 * 60_000 <= reached <= 60_000
    assert (report["rate"]["asked"], report["rate"]["reached"]) == (60_000, round(reached))
    assert "warning" not in result.err


def test_a_bit_rate_below_that_of_quality_1_is_said_on_standard_error_unless_quiet(tmp_path: Path) -> None:
    few = ("--duration", "0.3", "--bitrate", "500", "--threads", "1")
    loud = run_well("encode", CARPHONE, "a.mgv", *few, cwd=tmp_path)
    assert "nvcodec: warning: quality 1 takes" in loud.err
    assert run_well("encode", CARPHONE, "b.mgv", *few, "--quiet", cwd=tmp_path).err == ""
    assert (tmp_path / "a.mgv").read_bytes() == (tmp_path / "b.mgv").read_bytes()


def test_without_a_rate_the_report_has_none(tmp_path: Path) -> None:
    report = run_well("encode", CARPHONE, "a.mgv", "--duration", "0.1", "-q", "20", "--json", cwd=tmp_path).json
    assert report["rate"] is None


def test_a_region_as_a_box_and_as_a_mask_of_it_make_the_same_smaller_file(tmp_path: Path) -> None:
    from PIL import Image

    mask = np.zeros((144, 176), np.uint8)
    mask[32:96, 48:112] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    few = ("--duration", "0.3", "-q", "40", "--threads", "1")
    for name, region in (("plain", ()), ("box", ("--roi", "48,32,64,64:16")), ("mask", ("--roi", "mask.png:16"))):
        run_well("encode", CARPHONE, f"{name}.mgv", *few, *region, cwd=tmp_path)
    plain, box, drawn = ((tmp_path / f"{name}.mgv").read_bytes() for name in ("plain", "box", "mask"))
    assert box == drawn
    assert len(box) < 0.9 * len(plain)


def test_a_vmaf_is_reached_and_of_pictures_too_small_for_it_an_error(tmp_path: Path) -> None:
    few = ("--duration", "0.1", "--target-vmaf", "50", "--threads", "1", "--json")
    rate = run_well("encode", CARPHONE, "a.mgv", *few, cwd=tmp_path).json["rate"]
    assert rate["asked"] == 50 <= rate["reached"] < 60
    assert 1 < rate["quality_min"] <= rate["quality_max"] < 100
    assert "pixels" in run("encode", CARPHONE, "b.mgv", *few, "--scale", "16x16", cwd=tmp_path).error
    assert not (tmp_path / "b.mgv").exists()
