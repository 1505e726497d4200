"""`nvcodec predict`, as its users run it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .drawing import MASKED, NEXT, drawn, lumas, tried
from .support import BUNNY, contents

PART = ("--duration", "0.4", "--lossless")  # ten frames


def test_the_clip_comes_first_and_its_future_behind_it(language_models: Path, tmp_path: Path) -> None:
    report = drawn(language_models, "predict", BUNNY, "long.mkv", *PART, *MASKED, "--json", cwd=tmp_path).json
    assert (report["frames"], report["drawn_frames"]) == (35, 25)  # a second of 25 a second
    drawn(language_models, "predict", BUNNY, "future.mkv", *PART, *MASKED, "--future-only", cwd=tmp_path)
    drawn(language_models, "predict", BUNNY, "again.mkv", *PART, *MASKED, cwd=tmp_path)
    assert (tmp_path / "again.mkv").read_bytes() == (tmp_path / "long.mkv").read_bytes()
    long, future = lumas(tmp_path / "long.mkv"), lumas(tmp_path / "future.mkv")
    assert long.shape == (35, 32, 32) and np.array_equal(long[10:], future)
    drawn(tmp_path, "encode", BUNNY, "seen.mgv", "--duration", "0.4", "--scale", "56x32", "-q", "100", cwd=tmp_path)
    drawn(tmp_path, "decode", "seen.mgv", "seen.mkv", "--lossless", cwd=tmp_path)
    seen = lumas(tmp_path / "seen.mkv")[:, :, 12:44].astype(int)  # the middle of 56
    assert np.abs(long[:10] - seen).mean() < 5


def test_another_seed_makes_another_future_and_another_model_goes_on_otherwise(
    language_models: Path, tmp_path: Path
) -> None:
    made = []
    for name, wanted in (("a", MASKED), ("b", (*MASKED, "--seed", "1")), ("c", (*NEXT, "--top-p", "0.9"))):
        said = drawn(
            language_models, "predict", BUNNY, f"{name}.mkv", *PART, *wanted, "--seconds", "0.2", cwd=tmp_path
        ).text
        assert said.startswith(f"{BUNNY} → {name}.mkv: 5 frames drawn after 10, 32x32, ")
        made.append(lumas(tmp_path / f"{name}.mkv"))
    assert all(np.array_equal(made[0][:10], other[:10]) for other in made[1:])
    assert not any(np.array_equal(made[0][10:], other[10:]) for other in made[1:])


def test_a_future_is_a_coded_file_or_numbered_pictures_as_well(language_models: Path, tmp_path: Path) -> None:
    wanted = ("predict", BUNNY, "--duration", "0.2", "--seconds", "0.2", "--class", "3-left", *MASKED)
    drawn(language_models, *wanted, "out.mgv", cwd=tmp_path)
    assert drawn(tmp_path, "info", "out.mgv", "--json", cwd=tmp_path).json["frames"] == 10
    drawn(language_models, *wanted, "frame-%02d.png", "--future-only", cwd=tmp_path)
    assert len(list(tmp_path.glob("frame-*.png"))) == 5


def test_what_fails_is_one_line_and_leaves_nothing(language_models: Path, tmp_path: Path) -> None:
    (tmp_path / "there.mp4").write_bytes(b"mine")
    before = contents(tmp_path)
    for arguments, said in (
        ((BUNNY, "out.mp4", "--duration", "0.1"), "has 3 pictures, and 5 are drawn from; --context 1 takes the last"),
        ((BUNNY, "out.mp4", "--context", "9"), "goes on from 1, 5 frames, not 9"),
        (("nothing.mp4", "out.mp4"), "no such file"),
        ((BUNNY, "there.mp4"), "exists already"),
        (("there.mp4", "there.mp4", "-f"), "is the input itself"),
    ):
        assert said in tried(language_models, "predict", *arguments, *MASKED, cwd=tmp_path).error
    assert contents(tmp_path) == before
    wrong = tried(tmp_path, "predict", BUNNY, "out.mp4", "--seconds", "soon", cwd=tmp_path)
    assert wrong.code == 2 and "'soon' is not a time" in wrong.err
