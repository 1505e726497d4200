"""`nvcodec models add` and `remove`: what a model is for, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from nvcodec import weights
from nvcodec.weights.catalogue import read_header

from .support import BUNNY, contents, run, run_well


def another_model(path: Path) -> None:
    """The shipped weights, one of them moved a little, without a card."""
    tiny = next(model for model in weights.installed() if model.name == "tiny")
    tensors = load_file(tiny.path)
    tensors["tokenizer.encoder_context.bias"][0] += 1
    save_file(tensors, path, read_header(tiny.path)["__metadata__"])


def test_a_file_decodes_where_its_model_was_added_and_says_what_it_needs_elsewhere(tmp_path: Path) -> None:
    another_model(tmp_path / "mine.safetensors")
    here, elsewhere = ({weights.FOLDER_VARIABLE: str(tmp_path / name)} for name in ("here", "elsewhere"))
    added = run("models", "add", "mine.safetensors", "--json", cwd=tmp_path, env=here).json
    assert added["new"] and added["path"] == str(tmp_path / "here" / "mine.safetensors")
    listed = run("models", cwd=tmp_path, env=here).text
    assert "mine: codec, " in listed and added["sha256"] in listed and added["path"] in listed
    coding = ["encode", BUNNY, "out.mgv", "--model", "mine", "--duration", "0.1", "--scale", "1/4"]
    assert run(*coding, cwd=tmp_path, env=here).code == 0
    assert run("verify", "--planes", "out.mgv", cwd=tmp_path, env=here).code == 0
    result = run("decode", "out.mgv", "out.mkv", cwd=tmp_path, env=elsewhere)
    assert added["sha256"][:32] in result.error and "nvcodec models add FILE.safetensors" in result.error
    assert run("models", "add", "mine.safetensors", cwd=tmp_path, env=elsewhere).code == 0
    assert run("decode", "out.mgv", "out.mkv", cwd=tmp_path, env=elsewhere).code == 0
    assert "mine removed" in run("models", "remove", "mine", cwd=tmp_path, env=here).text
    assert not list((tmp_path / "here").glob("mine*"))


def test_what_is_no_model_is_one_line_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_text(json.dumps({"not": "weights"}))
    env = {weights.FOLDER_VARIABLE: str(tmp_path / "here")}
    assert "bad.safetensors is not a model" in run("models", "add", "bad.safetensors", cwd=tmp_path, env=env).error
    assert "cannot be read" in run("models", "add", "gone.safetensors", cwd=tmp_path, env=env).error
    assert list(contents(tmp_path)) == ["bad.safetensors"]


def test_help_of_both_sub_commands_has_an_example(tmp_path: Path) -> None:
    for command in ("add", "remove"):
        assert f"Example: nvcodec models {command} mine" in run_well("models", command, "-h", cwd=tmp_path).text
