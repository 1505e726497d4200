"""`nvcodec generate`, as its users run it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from nvcodec.cli.drawing import drawing_line

from nvcodec.generate.sampling import TOP_P
from nvcodec.weights import FOLDER_VARIABLE

from .drawing import MASKED, NEXT, drawn, lumas, tried
from .support import BUNNY, PLAIN, contents, run


def test_the_same_seed_makes_the_same_file_and_another_another(language_models: Path, tmp_path: Path) -> None:
    wanted = ("--class", "3-left", "-n", "4", *MASKED)
    for name, seed in (("one.mp4", "1"), ("other.mp4", "2")):
        said = drawn(language_models, "generate", *wanted, "--seed", seed, name, cwd=tmp_path).text
        assert said.startswith(f"{name}: 4 clips of 3-left, 9 frames, 32x32, ")
    elsewhere = {FOLDER_VARIABLE: str(language_models)}  # another process
    assert run("generate", *wanted, "--seed", "1", "two.mp4", cwd=tmp_path, env=elsewhere).code == 0
    one, two, other = ((tmp_path / name).read_bytes() for name in ("one.mp4", "two.mp4", "other.mp4"))
    assert one == two != other
    assert lumas(tmp_path / "one.mp4").shape == (9, 64, 64)  # two by two


def test_the_help_says_among_how_many_tokens_is_drawn(tmp_path: Path) -> None:
    assert f"Left out: {TOP_P:g}." in " ".join(run("generate", "--help", cwd=tmp_path).text.split())


def test_tokens_pictures_and_a_coded_file_are_other_forms_of_the_same_clips(
    language_models: Path, tmp_path: Path
) -> None:
    wanted = ("generate", "--class", "3-left", "--class", "3-right", "-n", "3", *MASKED)
    report = drawn(language_models, *wanted, "out.npz", "--json", cwd=tmp_path).json
    assert (report["clips"], report["shape"], report["width"]) == (6, [6, 3, 4, 4], 32)
    assert (report["sampling"]["steps"], report["sampling"]["guidance"]) == (12, 2)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
        assert arrays["tokens"].shape == (6, 3, 4, 4)
        assert arrays["classes"].tolist() == ["3-left"] * 3 + ["3-right"] * 3
        assert bytes(arrays["model"]).hex() == report["model"]
    drawn(language_models, *wanted, "out.png", cwd=tmp_path)
    assert lumas(tmp_path / "out.png").shape == (1, 6 * 32, 9 * 32)
    drawn(language_models, *wanted, "out.mgv", "-q", "90", cwd=tmp_path)
    facts = drawn(tmp_path, "info", "out.mgv", "--json", cwd=tmp_path).json
    assert (facts["width"], facts["height"], facts["frames"]) == (96, 64, 9)  # a row for every class


def test_clips_go_on_from_the_frames_or_the_picture_they_are_given(language_models: Path, tmp_path: Path) -> None:
    drawn(language_models, "generate", "still.png", "--quiet", *MASKED, cwd=tmp_path)
    for number, wanted in enumerate(((), ("--image", "still.png"), ("--frames", BUNNY))):
        drawn(language_models, "generate", *wanted, "-n", "2", "out.npz", "-f", *NEXT, cwd=tmp_path)
        with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
            same = (arrays["tokens"][0] == arrays["tokens"][1]).all((1, 2))
        assert same.tolist() == [latent < number for latent in range(3)]


def test_without_a_model_the_options_say_which_of_those_that_come_with_nvcodec(tmp_path: Path) -> None:
    listed = drawn(tmp_path, "models", "--json", cwd=tmp_path).json
    for options, name in (((), "lm-tiny-next"), (("--steps", "2"), "lm-tiny"), (("--choice", "3"), "lm-tiny")):
        wanted = ("generate", "--class", "3-turn", *options, "out.npz", "-f", "--json")
        report = drawn(tmp_path, *wanted, cwd=tmp_path).json
        assert [model["name"] for model in listed if model["sha256"] == report["model"]] == [name]


def test_classes_are_listed(language_models: Path, tmp_path: Path) -> None:
    assert drawn(language_models, "generate", "--list", *MASKED, cwd=tmp_path).text.split() == ["3-left", "3-right"]
    listed = drawn(language_models, "generate", "--list", "--json", *NEXT, cwd=tmp_path)
    assert listed.json == ["3-left", "3-right"]


def test_a_pipe_carries_matroska(language_models: Path, tmp_path: Path) -> None:
    elsewhere = {FOLDER_VARIABLE: str(language_models)}
    result = run("generate", "--class", "3-left", "-", *MASKED, cwd=tmp_path, env=elsewhere)
    assert result.out.startswith(b"\x1aE\xdf\xa3") and result.err.startswith("-: 1 clip of 3-left, 9 frames")


def test_a_terminal_sees_the_steps_and_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with drawing_line(quiet=False) as watch:
        assert watch is not None
        watch(5, 36)
    assert "drawing" in terminal.getvalue() and "5/36" in terminal.getvalue()
    with drawing_line(quiet=True) as watch:
        assert watch is None
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with drawing_line(quiet=False) as watch:
        assert watch is None


def test_what_fails_is_one_line_and_leaves_nothing(language_models: Path, tmp_path: Path) -> None:
    for name in ("there.mp4", "there-2.mp4"):
        (tmp_path / name).write_bytes(b"mine")
    before = contents(tmp_path)
    for arguments, said in (
        (("--class", "3-lft", "out.mp4", *MASKED), "no class '3-lft', but 3-left"),
        (("there.mp4", *MASKED), "there.mp4 exists already (-f replaces it)"),
        (("-n", "2", "there-%d.mp4", *MASKED), "there-2.mp4 exists already"),
        (("-n", "600", "out.png", *MASKED), "600 clips are too many for one picture; out-%03d.png makes"),
        (("out.mp4", "--guidance", "2", *MASKED), "name one with --class"),
        (("out.mp4", "--top-k", "5", *MASKED), "--top-k: says nothing to a model that learnt masked tokens"),
        (("out.mp4", "--steps", "5", *NEXT), "--steps: says nothing to a model that learnt the next token"),
        (("out.mp4", "--frames", BUNNY, "--context", "3", *MASKED), "goes on from 1, 5 frames, not 3"),
        (("out.mp4", "--frames", PLAIN, *MASKED), "is not a video or picture"),
        (("out.mp4", "--model", "tiny"), "tiny is a codec"),
    ):
        assert said in tried(language_models, "generate", *arguments, cwd=tmp_path).error
    assert contents(tmp_path) == before


def test_what_cannot_be_understood_is_said_at_once(tmp_path: Path) -> None:
    for arguments, said in (
        ((), "say where to write"),
        (("out.xyz",), "cannot tell what to write"),
        (("out-%d.npz",), "one .npz holds all"),
        (("out.mp4", "--frames", "a.mp4", "--image", "b.png"), "one is enough"),
        (("out.mp4", "--frames", "-"), "give it as a file"),
        (("-", "--json"), "would both write to standard output"),
    ):
        result = tried(tmp_path, "generate", *arguments, cwd=tmp_path)
        assert result.code == 2 and said in " ".join(result.err.split())
    assert list(tmp_path.iterdir()) == []
