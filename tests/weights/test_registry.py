"""The user's own models: taken in when they are whole, found by name and by hash, and let go again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nvcodec import weights
from nvcodec.errors import NvcodecError
from nvcodec.weights.catalogue import own_folder

from .test_store import changed, networks


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights `small.safetensors`, their card beside them; the user's own folder is another and not there yet."""
    folder = tmp_path / "exported"
    folder.mkdir()
    monkeypatch.delenv(weights.FOLDER_VARIABLE, raising=False)
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    weights.export(folder, "small", *networks(), {"seed": 3}, {"data": "none"})
    return folder / "small.safetensors"


def files() -> list[str]:
    """What lies in the user's folder, hidden files too, but for the locks of those who write."""
    there = own_folder().iterdir() if own_folder().is_dir() else ()
    return sorted(path.name for path in there if path.suffix != ".lock")


def test_a_model_that_was_added_is_found_by_name_and_by_hash(exported: Path) -> None:
    added = weights.add(exported)
    assert added.new and added.model.name == "small" and added.model.path.parent == own_folder()
    assert files() == ["small.json", "small.safetensors"]
    assert added.model.path.read_bytes() == exported.read_bytes()
    assert added.model.card == weights.catalogue.describe(exported).card
    model = weights.load("small")
    assert model.sha256 == added.model.sha256
    assert weights.load_by_id(model.model_id) is model


def test_the_folder_that_the_variable_names_takes_the_models(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "mine"))
    assert weights.add(exported).model.path == tmp_path / "mine" / "small.safetensors"


def test_weights_without_a_card_get_one_with_their_hash(exported: Path) -> None:
    sha256 = weights.catalogue.describe(exported).sha256
    exported.with_suffix(".json").unlink()
    model = weights.add(exported, name="other", sha256=sha256[:8].upper()).model
    assert (model.name, model.sha256, model.card) == ("other", sha256, {"name": "other", "sha256": sha256})


def test_the_same_weights_twice_are_one_model(exported: Path) -> None:
    first = weights.add(exported)
    again = weights.add(exported, name="again")
    assert (again.model, again.new) == (first.model, False)
    assert files() == ["small.json", "small.safetensors"]


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_a_name_that_another_model_has_is_refused(name: str, exported: Path) -> None:
    weights.add(exported)
    changed(exported.parent, lambda tensors, config: tensors["tokenizer.encoder_context.bias"].add_(1))
    before = files()
    with pytest.raises(NvcodecError, match=f"another model '{name}'.*--name"):
        weights.add(exported, name=name)
    assert files() == before


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a/b", "two\nlines", "x" * 65])
def test_a_name_that_is_no_file_s_is_refused(name: str, exported: Path) -> None:
    with pytest.raises(NvcodecError, match="is no name for a model"):
        weights.add(exported, name=name)
    assert files() == []


def test_weights_of_another_hash_than_card_or_user_say_are_refused(exported: Path) -> None:
    with pytest.raises(NvcodecError, match=r"has the SHA-256 .*, not 00"):
        weights.add(exported, sha256="00")
    data = bytearray(exported.read_bytes())
    data[-1] ^= 1
    exported.write_bytes(data)
    with pytest.raises(NvcodecError, match="its SHA-256 differs"):
        weights.add(exported)
    assert files() == []


def test_what_is_no_model_is_refused_though_its_hash_is_right(exported: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.safetensors"
    for content in (b"", b"no weights", b"\xff" * 64):
        text.write_bytes(content)
        with pytest.raises(NvcodecError, match="not a model that this nvcodec knows"):
            weights.add(text)
    changed(exported.parent, lambda tensors, config: tensors.pop("prior.reader.context.weight"))
    with pytest.raises(NvcodecError, match="lacks the tensor"):
        weights.add(exported)
    assert files() == []


@pytest.mark.parametrize("size", [0, -1, 10**9, 1.5, "64", True, None], ids=repr)
def test_sizes_that_no_network_has_are_refused_before_one_is_made(size: object, exported: Path) -> None:
    changed(exported.parent, lambda tensors, config: config["tokenizer"].update(decoder_blocks=size))
    with pytest.raises(NvcodecError, match="decoder_blocks is "):
        weights.add(exported)


def test_a_removed_model_is_gone_and_those_of_nvcodec_stay(exported: Path) -> None:
    weights.add(exported)
    weights.remove("small")
    assert files() == []
    with pytest.raises(NvcodecError, match="no model 'small'"):
        weights.remove("small")
    with pytest.raises(NvcodecError, match="came with nvcodec"):
        weights.remove("tiny")
    assert "tiny" in [model.name for model in weights.installed()]


def test_a_model_behind_another_of_its_name_is_still_found_by_hash(exported: Path) -> None:
    shipped = next(model for model in weights.installed() if model.name == "tiny")
    added = weights.add(exported).model
    for suffix in (".safetensors", ".json"):  # as when nvcodec comes to ship a model of a name the user has given
        added.path.with_suffix(suffix).rename(own_folder() / f"tiny{suffix}")
    assert weights.load("tiny").sha256 == added.sha256 == json.loads((own_folder() / "tiny.json").read_text())["sha256"]
    assert weights.load_by_id(shipped.model_id).sha256 == shipped.sha256
