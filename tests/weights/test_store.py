"""Weights as files: exact, the same each time, and refused when anything is amiss."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from nvcodec import weights
from nvcodec.errors import ModelMismatch, NvcodecError
from nvcodec.prior.cumulative import make_tables
from nvcodec.prior.transformer import Prior, PriorConfig
from nvcodec.tokenizer.tiny import TinyConfig, TinyTokenizer
from nvcodec.weights.store import read_model

TOKENIZER = TinyConfig(width=32, encoder_blocks=1, decoder_blocks=1)
PRIOR = PriorConfig(width=32, context_blocks=1)


def networks() -> tuple[TinyTokenizer, Prior]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        tokenizer, prior = TinyTokenizer(TOKENIZER), Prior(PRIOR)
        for bias in (p for name, p in prior.named_parameters() if name.endswith("bias")):
            torch.nn.init.normal_(bias)
    prior.freeze()
    return tokenizer, prior


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that NVCODEC_WEIGHTS names, with the model `small` in it."""
    weights.export(tmp_path, "small", *networks(), {"seed": 3}, {"data": "none"})
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def changed(folder: Path, change: Any) -> None:
    """Rewrites the model with other tensors and metadata, its card agreeing."""
    import hashlib

    path = folder / "small.safetensors"
    metadata = {"nvcodec": json.loads(weights.catalogue.read_header(path)["__metadata__"]["nvcodec"])}
    tensors = load_file(path)
    change(tensors, metadata["nvcodec"])
    save_file(tensors, path, {"nvcodec": json.dumps(metadata["nvcodec"])})
    card = json.loads((folder / "small.json").read_text())
    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "small.json").write_text(json.dumps(card))


def test_the_prior_comes_back_exactly(folder: Path) -> None:
    model = weights.load("small")
    _, prior = networks()
    state = model.prior.state_dict()
    assert state.keys() == prior.state_dict().keys()
    for key, value in prior.state_dict().items():
        assert state[key].dtype == value.dtype and torch.equal(state[key], value), key
    assert {
        t.dtype for key, t in load_file(folder / "small.safetensors").items() if key.startswith("prior.")
    } == {
        torch.int8,
        torch.int32,
    }


def test_the_coders_tables_are_those_of_the_file(folder: Path) -> None:
    tables = weights.load("small").tables
    assert tables.keys() == make_tables().keys()
    assert all(torch.equal(tables[key], table) for key, table in make_tables().items())


def test_the_tokenizer_comes_back_to_half_precision(folder: Path) -> None:
    tokenizer, _ = networks()
    read = read_model(next(model for model in weights.installed() if model.name == "small"))
    for key, value in tokenizer.state_dict().items():
        assert torch.equal(read.tokenizer.state_dict()[key], value.half().float()), key
    assert read.tokenizer.config == TOKENIZER and read.prior.config == PRIOR


def test_networks_are_ready_to_use_and_not_to_train(folder: Path) -> None:
    model = weights.load("small")
    for network in (model.tokenizer, model.prior):
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_same_networks_make_the_same_file(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    weights.export(again, "small", *networks(), {"seed": 3}, {"data": "none"})
    for name in ("small.safetensors", "small.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_a_prior_that_is_not_frozen_is_not_exported(tmp_path: Path) -> None:
    tokenizer, _ = networks()
    with pytest.raises(ValueError, match="freeze it first"):
        weights.export(tmp_path, "raw", tokenizer, Prior(PRIOR), {}, {})
    assert list(tmp_path.iterdir()) == []


def test_loading_draws_no_random_numbers(folder: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    read_model(next(model for model in weights.installed() if model.name == "small"))
    assert torch.equal(torch.rand(3), expected)


def test_the_catalogue_tells_name_hash_size_and_card(folder: Path) -> None:
    small = next(model for model in weights.installed() if model.name == "small")
    tokenizer, prior = networks()
    count = sum(p.numel() for network in (tokenizer, prior) for p in network.parameters())
    assert small.path == folder / "small.safetensors"
    assert small.bytes == small.path.stat().st_size
    assert small.parameters == count
    assert (small.card["data"], small.card["training"]) == ("none", {"seed": 3})


def test_the_catalogue_needs_no_pytorch(folder: Path) -> None:
    code = "import sys; from nvcodec import weights; print(len(weights.installed()), 'torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, torch_there = run.stdout.split()
    assert int(count) >= 1 and torch_there == "False"


def test_a_model_is_found_by_the_hash_in_a_file(folder: Path) -> None:
    model = weights.load("small")
    assert len(model.model_id) == 16
    assert model.sha256.startswith(model.model_id.hex())
    assert weights.load_by_id(model.model_id) is model


def test_an_unknown_hash_is_named_with_the_way_to_get_it(folder: Path) -> None:
    with pytest.raises(ModelMismatch, match=r"SHA-256 begins with 00{31}.*small.*nvcodec models add FILE"):
        weights.load_by_id(bytes(16))


def test_a_damaged_file_is_refused(folder: Path) -> None:
    data = bytearray((folder / "small.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "small.safetensors").write_bytes(data)
    with pytest.raises(NvcodecError, match=r"small\.safetensors is damaged"):
        weights.load("small")


def test_a_missing_tensor_is_named(folder: Path) -> None:
    changed(folder, lambda tensors, config: tensors.pop("tokenizer.encoder_context.weight"))
    with pytest.raises(NvcodecError, match=r"lacks the tensor tokenizer\.encoder_context\.weight"):
        weights.load("small")


def test_a_tensor_too_many_is_named(folder: Path) -> None:
    changed(folder, lambda tensors, config: tensors.update(more=torch.zeros(1)))
    with pytest.raises(NvcodecError, match=r"does not have: more$"):
        weights.load("small")


def test_a_misshapen_tensor_is_named(folder: Path) -> None:
    changed(folder, lambda tensors, config: config["tokenizer"].update(width=64))
    with pytest.raises(NvcodecError, match=r"tokenizer\.[a-z_.0-9]+ is \[.*\], not \["):
        weights.load("small")


def test_factors_whose_sums_could_be_inexact_are_refused(folder: Path) -> None:
    changed(folder, lambda tensors, config: tensors["prior.reader.context.weight"].view(-1)[:1].fill_(-128))
    with pytest.raises(NvcodecError, match="factors beyond ±127"):
        weights.load("small")


@pytest.mark.parametrize("change", [{"format": 2}, {"tokenizer": {"depth": 3}}, {"prior": None}], ids=str)
def test_a_file_of_another_kind_is_refused(change: dict[str, Any], folder: Path) -> None:
    changed(folder, lambda tensors, config: config.update(change))
    with pytest.raises(NvcodecError, match="not a model that this nvcodec knows"):
        weights.load("small")


def test_a_card_without_a_hash_is_refused(folder: Path) -> None:
    (folder / "small.json").write_text("{}")
    with pytest.raises(NvcodecError, match=r"small\.json is not a model's card: it has no sha256"):
        weights.installed()


def test_weights_without_a_card_are_no_model(folder: Path) -> None:
    (folder / "small.json").unlink()
    assert "small" not in [model.name for model in weights.installed()]


def test_what_is_installed_is_what_its_card_says() -> None:
    model = weights.load("tiny")
    card = next(entry for entry in weights.installed() if entry.name == "tiny")
    assert (model.sha256, model.model_id) == (card.sha256, card.model_id)
    assert dataclasses.is_dataclass(model.tokenizer.config)


def test_reading_a_model_loads_no_symbolic_algebra() -> None:
    """PyTorch's own way with shapes alone would: a second and 70 MB in every process."""
    program = "import sys; from nvcodec.weights import load; load(); print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
