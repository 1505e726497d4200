"""`nvcodec train probe`, `export` and `classify`: from a labelled set to a name for a clip."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from .support import BUNNY, CARPHONE, run, run_well

SMALL = ["--set", "steps=2", "--set", "batch=2", "--set", "frames=5", "--set", "size=32", "--set", "bfloat16=false"]
PROBE = ["--set", "model.width=16", "--set", "model.layers=1", "--set", "model.heads=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of two classes with two splits, and a probe that learnt its pixels."""
    root = tmp_path_factory.mktemp("set")
    for split in ("train", "test"):
        for name, clip in (("bunny", BUNNY), ("phone", CARPHONE)):
            (root / "clips" / split / name).mkdir(parents=True)
            shutil.copy(clip, root / "clips" / split / name / "one.mp4")
    (root / "clips" / "train" / "phone" / "broken.mp4").write_bytes(b"no video")
    trained = run_well("train", "probe", "clips", "--input", "pixels", *SMALL, *PROBE, cwd=root)
    assert "left out" in trained.err and "broken.mp4" in trained.err
    assert "2 steps of 2 clips; of 2 test clips" in trained.text
    run_well("export", "runs/probe-pixels", "mine.safetensors", cwd=root)
    return root


def test_the_card_says_how_many_test_clips_are_judged_right(folder: Path) -> None:
    card = json.loads((folder / "mine.json").read_text())
    assert card["kind"] == "probe" and card["test"]["clips"] == 2 and 0 <= card["test"]["accuracy"] <= 1


def test_a_clip_gets_the_likeliest_classes_and_their_probabilities(folder: Path) -> None:
    said = run_well("classify", BUNNY, "--probe", "mine.safetensors", cwd=folder).text.splitlines()
    assert sorted(line.split()[0] for line in said) == ["bunny", "phone"]
    found = run_well("classify", BUNNY, "--probe", "mine.safetensors", "--top", "1", "--json", cwd=folder).json
    assert len(found["classes"]) == 1 and found["classes"][0]["class"] == said[0].split()[0]
    assert 0.5 <= found["classes"][0]["probability"] <= 1 and len(found["probe"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["classify", "gone.mp4", "--probe", "mine.safetensors"], "gone.mp4"),
        (["classify", str(BUNNY), "--probe", "nobody"], "there is no model 'nobody'"),
        (["train", "probe", "gone", "--input", "pixels", "--run", "other"], "there is no such folder"),
        (["train", "probe", "clips", "--input", "pixels", *SMALL, *PROBE], "--resume goes on"),
        (["train", "probe", "clips", "--input", "words"], "what a probe reads pixels or tokens"),
        (["train", "probe", "clips", "--tokenizer", "mine.safetensors", "--run", "other"], "is no tokenizer"),
        (["bench", "clips", "--generation", "--lm", "lm-tiny", "--i3d", "gone.pt"], "nvcodec does not fetch it"),
        (["bench", "clips", "--generation", "--lm", "lm-tiny", "--i3d", "mine.json"], "is not I3D as TorchScript"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], said: str, folder: Path) -> None:
    assert said in run(*arguments, cwd=folder).error


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "probe", "clips", "--data", "clips"],
        ["train", "probe", "clips", "--input", "pixels", "--tokenizer", "compact"],
        ["train", "joint", "tiny", "--data", "clips", "--input", "pixels"],
        ["train", "joint", "tiny"],
        ["bench", "clips", "--generation"],
        ["bench", "clips", "--generation", "--vocabulary", "--lm", "lm-tiny"],
        ["bench", "clips", "--generation", "--lm", "lm-tiny", "--steps", "many"],
        ["bench", "clips", "--vocabulary", "--tokenizer", "compact", "--i3d", "i3d.pt"],
        ["bench", "clips", "--inception", "inception.pth"],
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    assert run(*arguments, cwd=folder).code == 2
    assert sorted(folder.rglob("*")) == before
