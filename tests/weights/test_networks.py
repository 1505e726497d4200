"""Networks that are no codec, as files: what was written comes back, of its kind, and nothing else is believed."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nvcodec import weights
from nvcodec.codec import EncodeOptions, encode
from nvcodec.errors import ModelMismatch, NvcodecError
from nvcodec.tokenizer import CompactConfig, CompactTokenizer
from nvcodec.weights.catalogue import describe
from nvcodec.weights.networks import KINDS

BUNNY = Path(__file__).parents[1] / "clips" / "bunny.mp4"
CONFIG = CompactConfig(width=64, encoder_blocks=1, decoder_blocks=1)


def network() -> CompactTokenizer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return CompactTokenizer(CONFIG)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights of `small`, in a folder that NVCODEC_WEIGHTS names."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    weights.save_network(tmp_path / "small.safetensors", "compact", network(), asdict(CONFIG), {"data": "none"})
    return tmp_path / "small.safetensors"


def changed(path: Path, change: Any) -> None:
    """Rewrites the file with other tensors and another description, its card agreeing."""
    description = json.loads(weights.catalogue.read_header(path)["__metadata__"]["nvcodec"])
    tensors: dict[str, Tensor] = load_file(path)
    change(tensors, description)
    save_file(tensors, path, {"nvcodec": json.dumps(description)})
    card = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card))


def test_a_network_comes_back_to_half_precision_ready_to_use(path: Path) -> None:
    loaded = weights.load_network("small")
    assert (loaded.kind, loaded.name, loaded.card["data"]) == ("compact", "small", "none")
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert isinstance(loaded.module, CompactTokenizer) and loaded.module.config == CONFIG
    assert not loaded.module.training and not any(p.requires_grad for p in loaded.module.parameters())
    state = loaded.module.state_dict()
    for key, value in network().state_dict().items():
        assert torch.equal(state[key], value.half().float()), key


def test_a_file_is_found_by_its_path_its_name_and_its_hash(path: Path, tmp_path: Path) -> None:
    by_path = weights.load_network(str(path))
    by_hash = weights.load_network_by_hash(by_path.sha256, "the test", tmp_path)
    assert by_path.sha256 == by_hash.sha256 == weights.load_network("small").sha256
    with pytest.raises(ModelMismatch, match="the test needs the network whose SHA-256 begins with 000000000000"):
        weights.load_network_by_hash("0" * 64, "the test", tmp_path)


def test_int8_packs_large_matrices_to_a_row_s_127th(tmp_path: Path) -> None:
    whole, packed = tmp_path / "whole.safetensors", tmp_path / "packed.safetensors"
    weights.save_network(whole, "compact", network(), asdict(CONFIG), {})
    weights.save_network(packed, "compact", network(), asdict(CONFIG), {}, packing="int8")
    assert packed.stat().st_size < 0.7 * whole.stat().st_size
    assert describe(packed).parameters == describe(whole).parameters
    state = weights.load_network(packed).module.state_dict()
    kinds = {tensor.dtype for tensor in load_file(packed).values()}
    assert kinds == {torch.int8, torch.float16, torch.float32}
    for key, value in network().state_dict().items():
        rows = value.flatten(1) if value.dim() > 1 else value[None]
        step = rows.abs().amax(1).max() / 127
        assert float((state[key] - value).abs().max()) <= 0.51 * float(step) + 1e-3, key


def test_the_same_network_makes_the_same_file(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    sha256 = weights.save_network(again, "compact", network(), asdict(CONFIG), {"data": "none"})
    assert again.read_bytes() == path.read_bytes()
    assert sha256 == hashlib.sha256(again.read_bytes()).hexdigest()


def test_the_catalogue_tells_the_kind_of_each_and_counts_its_parameters(path: Path) -> None:
    models = {model.name: model for model in weights.installed()}
    assert (models["small"].kind, models["tiny"].kind) == ("compact", "codec")
    assert models["small"].parameters == sum(p.numel() for p in network().parameters())


def test_a_network_is_no_codec_and_a_codec_no_network(path: Path) -> None:
    with pytest.raises(NvcodecError, match="small is no codec but of the kind 'compact'"):
        encode(BUNNY, io.BytesIO(), EncodeOptions(model="small"))
    with pytest.raises(NvcodecError, match="tiny is a codec"):
        weights.load_network("tiny")
    with pytest.raises(ModelMismatch):
        weights.load_by_id(describe(path).model_id)


def test_networks_are_added_to_the_users_models_and_removed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "mine"))
    added = weights.add(path, name="other")
    assert added.new and added.model.kind == "compact"
    assert weights.load_network("other").sha256 == added.model.sha256
    assert weights.remove("other").sha256 == added.model.sha256
    with pytest.raises(NvcodecError, match="there is no model 'other'"):
        weights.load_network("other")


def test_what_is_no_network_is_not_added(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(path, lambda tensors, description: tensors.pop("to_latent.bias"))
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "mine"))
    with pytest.raises(NvcodecError, match=r"lacks the tensor to_latent\.bias"):
        weights.add(path)


def test_a_damaged_file_is_refused(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(NvcodecError, match=r"small\.safetensors is damaged"):
        weights.load_network("small")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format 2"),
        ({"kind": "painter"}, f"one of {', '.join(KINDS)}, not 'painter'"),
        ({"config": None}, "no table"),
        ({"config": {"width": 1 << 40}}, "width is '1099511627776', which is no int"),
        ({"config": {"width": -1}}, "width is '-1'"),
        ({"config": {"width": True}}, "width is 'True'"),
        ({"config": {"decoder_blocks": 4096}}, "decoder_blocks is '4096', which is no int of a size to believe"),
        ({"config": {"width": 128}}, r"is \[64.*\], not \[128"),
        ({"config": {"quantizer": "x" * 5000}}, "quantizer is"),
        ({"config": {"quantizer": "fsq"}}, "none of lfq, vq"),
        ({"config": {"depth": 3}}, "has no 'depth'"),
    ],
    ids=str,
)
def test_a_description_of_another_network_is_refused_before_there_is_one(
    change: dict[str, Any], said: str, path: Path
) -> None:
    changed(path, lambda tensors, description: description.update(change))
    with pytest.raises(NvcodecError, match=f"not a network that this nvcodec knows .*{said}"):
        weights.load_network(path)


def test_a_missing_a_strange_and_a_misshapen_tensor_are_named(path: Path) -> None:
    changed(path, lambda tensors, description: tensors.update(more=torch.zeros(1)))
    with pytest.raises(NvcodecError, match=r"holds tensors that its compact does not have: more$"):
        weights.load_network(path)
    changed(path, lambda tensors, description: tensors.pop("more"))
    changed(path, lambda tensors, description: tensors.update({"to_latent.bias": torch.zeros(3)}))
    with pytest.raises(NvcodecError, match=r"to_latent\.bias is \[3\], not \[18\]"):
        weights.load_network(path)


def test_loading_draws_no_random_numbers(path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    weights.load_network(path)
    assert torch.equal(torch.rand(3), expected)


def test_what_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    target = tmp_path / "bad.safetensors"
    endless = network()
    torch.nn.init.constant_(endless.to_latent.bias, 1e6)
    for module, kind, config, packing, said in (
        (endless, "compact", CONFIG, "float16", r"to_latent\.bias has values that float16 cannot hold"),
        (network(), "compact", CompactConfig(), "float16", "not that of the compact"),
        (network(), "painter", CONFIG, "float16", "not 'painter'"),
        (network(), "compact", CONFIG, "int4", "not 'int4'"),
    ):
        with pytest.raises(ValueError, match=said):
            weights.save_network(target, kind, module, asdict(config), {}, packing=packing)
    assert list(tmp_path.iterdir()) == []
