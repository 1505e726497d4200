"""`nvcodec fill`, as its users run it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .drawing import MASKED, NEXT, drawn, lumas, tried
from .support import BUNNY, contents

PART = ("--duration", "0.6", "--lossless")  # fifteen frames, two windows
BOX = "120,30,60,60"  # of 320x180: in the middle 32x32 of 56x32 the four positions from 8,0 on


def test_what_is_drawn_is_the_box_and_the_rest_stays_to_the_bit(language_models: Path, tmp_path: Path) -> None:
    report = drawn(language_models, "fill", BUNNY, "in.mkv", *PART, *MASKED, "--box", BOX, "--json", cwd=tmp_path).json
    assert (report["frames"], report["width"], report["height"]) == (15, 32, 32)
    drawn(language_models, "fill", BUNNY, "again.mkv", *PART, *MASKED, "--box", BOX, cwd=tmp_path)
    assert (tmp_path / "again.mkv").read_bytes() == (tmp_path / "in.mkv").read_bytes()
    # what the model sees: the clip with a future that begins behind it
    drawn(language_models, "predict", BUNNY, "seen.mkv", *PART, *MASKED, "--seconds", "0.04", cwd=tmp_path)
    filled, seen = lumas(tmp_path / "in.mkv"), lumas(tmp_path / "seen.mkv")[:15]
    inside = np.zeros((32, 32), bool)
    inside[0:16, 8:24] = True
    assert np.array_equal(filled[:, ~inside], seen[:, ~inside])
    assert (filled != seen)[:, inside].mean(1).min() > 0.8


def test_a_mask_says_the_same_and_outside_its_contrary(language_models: Path, tmp_path: Path) -> None:
    drawn(language_models, "fill", BUNNY, "box.mkv", *PART, *MASKED, "--box", BOX, cwd=tmp_path)
    mask_of_box(tmp_path / "mask.y4m")
    drawn(language_models, "fill", BUNNY, "mask.mkv", *PART, *MASKED, "--mask", "mask.y4m", cwd=tmp_path)
    assert (tmp_path / "mask.mkv").read_bytes() == (tmp_path / "box.mkv").read_bytes()
    drawn(language_models, "fill", BUNNY, "out.mkv", *PART, *MASKED, "--mask", "mask.y4m", "--outside", cwd=tmp_path)
    inner, outer = lumas(tmp_path / "box.mkv"), lumas(tmp_path / "out.mkv")
    changed = (inner != outer).mean(0)
    assert changed[0:16, 8:24].mean() > 0.5 and changed[16:, :8].mean() > 0.5


def mask_of_box(path: Path) -> None:
    """A picture of 320x180 pixels that is white in BOX."""
    luma = np.full((180, 320), 16, np.uint8)
    luma[30:90, 120:180] = 235
    path.write_bytes(b"YUV4MPEG2 W320 H180 F25:1 C420\nFRAME\n" + luma.tobytes() + b"\x80" * (2 * 160 * 90))


def test_between_its_ends_a_clip_is_drawn_anew(language_models: Path, tmp_path: Path) -> None:
    drawn(language_models, "fill", BUNNY, "out.mgv", *MASKED, "--between", "--quiet", cwd=tmp_path)
    assert drawn(tmp_path, "info", "out.mgv", "--json", cwd=tmp_path).json["frames"] == 9  # a window, no more


def test_what_fails_is_one_line_and_leaves_nothing(language_models: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (("--box", BOX, *NEXT), "lm-small-next learnt the next token"),
        (("--box", "0,0,40,180", *MASKED), "the box 0,0,40,180 touches nothing of what a model sees of 320x180"),
        (("--box", BOX, "--outside", *MASKED), "must hold whole squares of 8 by 8"),
        (("--mask", "nothing.png", *MASKED), "no such file"),
        (("--between", "--duration", "0.2", *MASKED), "clips of 9 frames, not of 5"),
    ):
        assert said in tried(language_models, "fill", BUNNY, "out.mp4", *arguments, cwd=tmp_path).error
    assert contents(tmp_path) == {}


def test_what_cannot_be_understood_is_said_at_once(tmp_path: Path) -> None:
    for arguments, said in (
        ((), "by one of --box, --mask and --between"),
        (("--box", BOX, "--between"), "by one of --box, --mask and --between"),
        (("--between", "--outside"), "--outside goes with --box or --mask"),
        (("--box", "1,2,3"), "is no box X,Y,W,H"),
        (("--box", "1,2,0,4"), "is no box X,Y,W,H"),
    ):
        result = tried(tmp_path, "fill", BUNNY, "out.mp4", *arguments, cwd=tmp_path)
        assert result.code == 2 and said in " ".join(result.err.split())
