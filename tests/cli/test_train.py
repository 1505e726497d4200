"""`nvcodec train` and `nvcodec export`: from a folder of clips to weights that code."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from nvcodec import weights
from nvcodec.generate.model import load_lm
from nvcodec.tokenizer.compact import CompactConfig, CompactTokenizer

from .support import BUNNY, CARPHONE, run, run_well

SMALL = """
steps = 2
batch = 1
bfloat16 = false
long_clips = [1]
[tokenizer]
latent_dims = 24
width = 32
encoder_blocks = 1
decoder_blocks = 1
[prior]
latent_dims = 24
width = 32
motion_width = 16
context_blocks = 1
[data]
crop = 64
frames = 5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration, and clips of which one is broken."""
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "bunny.mp4").write_bytes(BUNNY.read_bytes())
    (tmp_path / "clips" / "broken.mp4").write_bytes(b"no video")
    return tmp_path


def test_clips_become_weights_that_code_and_a_broken_file_is_left_out(folder: Path) -> None:
    trained = run_well("train", "joint", "small.toml", "--data", "clips", cwd=folder)
    assert "left out clips/broken.mp4" in trained.err.replace("\\", "/") and "2 steps" in trained.text
    again = run("train", "joint", "small.toml", "--data", "clips", cwd=folder)
    assert "--resume goes on" in again.error
    longer = ["--resume", "--set", "steps=3", "--quiet"]
    assert run_well("train", "joint", "small.toml", "--data", "clips", *longer, cwd=folder).out == b""
    made = run_well("export", "runs/small", "mine.safetensors", "--note", "a test", "--json", cwd=folder).json
    assert (made["card"]["steps"], made["card"]["note"]) == (3, "a test")
    assert "exists already" in run("export", "runs/small", "mine.safetensors", cwd=folder).error
    env = {weights.FOLDER_VARIABLE: str(folder / "models")}
    added = run("models", "add", "mine.safetensors", "--json", cwd=folder, env=env).json
    assert added["sha256"] == made["sha256"] == json.loads((folder / "mine.json").read_text())["sha256"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.toml", "--data", "clips"], "gone.toml cannot be read"),
        (["small.toml", "--data", "nowhere"], "there is no such folder"),
        (["nothing", "--data", "clips"], "magvit2, prior-300m, tiny"),
        (["magvit2", "--data", "clips"], "nvcodec train tokenizer trains it"),
        (["small.toml", "--data", "clips", "--resume"], "has no checkpoint to go on from"),
        (["small.toml", "--data", "clips", "--set", "crops=1"], "there is no 'crops'"),
        (["small.toml", "--data", "clips", "--set", "steps=many"], "'many' where the like of 2 belongs"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_makes_nothing(arguments: list[str], said: str, folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    assert said in run("train", "joint", *arguments, cwd=folder).error
    assert sorted(folder.rglob("*")) == before


def test_a_run_is_measured_on_clips_that_it_does_not_learn_from(folder: Path) -> None:
    (folder / "held-out" / "deep").mkdir(parents=True)
    (folder / "held-out" / "deep" / "carphone.mp4").write_bytes(CARPHONE.read_bytes())
    shown = ["--validate", "held-out", "--set", "validation.every=1", "--set", "validation.frames=5"]
    run_well("train", "joint", "small.toml", "--data", "clips", *shown, cwd=folder)
    rows = [json.loads(line) for line in (folder / "runs" / "small" / "validation.jsonl").read_text().splitlines()]
    assert [(row["step"], row["quality"]) for row in rows] == [(s, q) for s in (1, 2) for q in (20, 40, 60)]
    assert all(row["r"] > 0 and row["psnr"] > 0 for row in rows)
    assert (folder / "runs" / "small" / "validation" / "00000002.png").read_bytes().startswith(b"\x89PNG")
    other = run("train", "joint", "small.toml", "--data", "clips", "--resume", "--set", "seed=2", cwd=folder)
    assert other.code == 1 and "seed was 1 and is 2" in other.err.splitlines()[-1]


def test_clips_to_learn_from_are_none_to_measure_on(folder: Path) -> None:
    result = run("train", "joint", "small.toml", "--data", "clips", "--validate", ".", cwd=folder)
    assert "what is learnt from measures nothing" in result.error


@pytest.mark.parametrize("stage", ["tokenizer", "prior"])
def test_half_a_model_says_that_it_needs_the_other(stage: str, folder: Path) -> None:
    result = run("train", stage, "small.toml", "--data", "clips", cwd=folder)
    assert f"the stage {stage} needs --start" in result.error
    assert not (folder / "runs").exists()


def test_a_stage_that_does_not_exist_names_those_that_do(folder: Path) -> None:
    result = run("train", "both", "small.toml", "--data", "clips", cwd=folder)
    assert result.code == 2 and "there are joint, tokenizer, prior, lm" in " ".join(result.err.split())


def test_a_folder_that_is_no_run_is_not_exported(folder: Path) -> None:
    assert "clips is no training run" in run("export", "clips", "mine.safetensors", cwd=folder).error


LM = """
objective = "masked"
steps = 2
batch = 2
frames = 5
size = 32
log_steps = 1
[model]
width = 32
layers = 1
heads = 2
[validation]
every = 1
"""


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A configuration of a language model, a tokenizer that has learnt nothing, and two clips of as many classes."""
    config = CompactConfig(width=32, encoder_blocks=1, decoder_blocks=1)
    weights.save_network(tmp_path / "tok.safetensors", "compact", CompactTokenizer(config), asdict(config), {})
    (tmp_path / "small.toml").write_text(LM)
    for split in ("train", "validation"):
        for name, clip in (("animal", BUNNY), ("person", CARPHONE)):
            (tmp_path / "set" / split / name).mkdir(parents=True)
            (tmp_path / "set" / split / name / clip.name).write_bytes(clip.read_bytes())
    (tmp_path / "set" / "train" / "animal" / "broken.mp4").write_bytes(b"no video")
    return tmp_path


def test_a_labelled_set_becomes_a_language_model(labelled: Path) -> None:
    command = ["train", "lm", "small.toml", "--data", "set", "--tokenizer", "tok.safetensors"]
    trained = run_well(*command, cwd=labelled)
    assert "left out set" in trained.err and "broken.mp4" in trained.err and "2 steps of 2 clips" in trained.text
    assert "--resume goes on" in run(*command, cwd=labelled).error
    again = run_well(*command, "--resume", "--set", "steps=3", cwd=labelled)
    assert "3 steps" in again.text and not again.err  # what was left out is told once
    rows = [json.loads(line) for line in (labelled / "runs" / "small" / "validation.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3]
    made = run_well("export", "runs/small", "lm.safetensors", "--note", "a test", "--json", cwd=labelled).json
    assert (made["card"]["kind"], made["card"]["steps"], made["card"]["note"]) == ("lm", 3, "a test")
    assert load_lm(labelled / "lm.safetensors").classes == ("animal", "person")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["small.toml", "--data", "set"], "lm takes --tokenizer"),
        (["small.toml", "--data", "set", "--data", "set", "--tokenizer", "tok.safetensors"], "one --data"),
        (["small.toml", "--data", "set", "--tokenizer", "nothing"], "there is no model 'nothing'"),
        (["small.toml", "--data", "set", "--tokenizer", "tiny"], "is a codec"),
        (["small.toml", "--data", "nowhere", "--tokenizer", "tok.safetensors"], "there is no such folder"),
        (["small.toml", "--data", "set", "--tokenizer", "tok.safetensors", "--set", "frames=6"], "1 + 4k frames"),
        (["magvit2", "--data", "set", "--tokenizer", "tok.safetensors"], "there is no 'network'"),
    ],
)
def test_what_a_language_model_cannot_learn_is_one_line_and_makes_nothing(
    arguments: list[str], said: str, labelled: Path
) -> None:
    before = sorted(labelled.rglob("*"))
    assert said in " ".join(run("train", "lm", *arguments, cwd=labelled).err.split())
    assert sorted(labelled.rglob("*")) == before
