"""A probe as a file: it is loaded with the tokenizer that it reads, or says which one that is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from nvcodec import weights
from nvcodec.errors import ModelMismatch, NvcodecError
from nvcodec.tokenizer.compact import CompactConfig, CompactTokenizer
from nvcodec.understand import load_probe
from nvcodec.understand.probe import load_tokenizer, reading_of
from nvcodec.understand.video_transformer import ProbeConfig, VideoTransformer
from nvcodec.weights import save_network

CLIP = Path(__file__).parents[1] / "clips" / "bunny.mp4"
CONFIG = ProbeConfig(("a", "b"), frames=5, size=32, width=16, layers=1, heads=2)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed models that is empty."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "models"))
    return tmp_path


def saved_tokenizer(folder: Path, quantizer: str) -> Path:
    torch.manual_seed(1)
    config = CompactConfig(
        width=16, encoder_blocks=1, decoder_blocks=1, quantizer=quantizer, token_bits=8, codebook=32, code_dims=4
    )
    save_network(folder / "tokens.safetensors", "compact", CompactTokenizer(config), dataclasses.asdict(config), {})
    return folder / "tokens.safetensors"


def saved_probe(folder: Path, config: ProbeConfig) -> Path:
    torch.manual_seed(2)
    save_network(folder / "probe.safetensors", "probe", VideoTransformer(config), dataclasses.asdict(config), {})
    return folder / "probe.safetensors"


@pytest.mark.parametrize(("quantizer", "reads", "vocabulary"), [("lfq", "bits", 256), ("vq", "table", 32)])
def test_tokens_are_read_by_the_tokenizer_they_are_of(
    quantizer: str, reads: str, vocabulary: int, tmp_path: Path
) -> None:
    tokenizer = load_tokenizer(saved_tokenizer(tmp_path, quantizer))
    reading = reading_of(tokenizer)
    assert reading == {"reads": reads, "vocabulary": vocabulary, "tokenizer": tokenizer.sha256}
    probe = load_probe(saved_probe(tmp_path, dataclasses.replace(CONFIG, **reading)))
    frames = probe.read(CLIP)
    assert frames.shape == (1, 6, 5, 16, 16)
    assert isinstance(tokenizer.module, CompactTokenizer)
    tokens, _ = tokenizer.module.encode(frames)
    assert torch.allclose(probe.classify(frames), probe.network(tokens).softmax(1))


def test_a_probe_without_its_tokenizer_says_which_one_it_needs(tmp_path: Path) -> None:
    reading = reading_of(load_tokenizer(saved_tokenizer(tmp_path, "lfq")))
    path = saved_probe(tmp_path, dataclasses.replace(CONFIG, **reading))
    (tmp_path / "tokens.safetensors").unlink()
    with pytest.raises(ModelMismatch, match=f"SHA-256 begins with {reading['tokenizer'][:12]}"):
        load_probe(path)


def test_pixels_need_no_tokenizer(tmp_path: Path) -> None:
    probe = load_probe(saved_probe(tmp_path, CONFIG))
    assert probe.tokenizer is None and probe.classes == ("a", "b")
    probabilities = probe.classify(probe.read(CLIP))
    assert probabilities.shape == (1, 2) and float(probabilities.sum()) == pytest.approx(1)


def test_what_names_no_classes_is_no_probe_and_what_has_no_tokens_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(NvcodecError, match="names no classes"):
        load_probe(saved_tokenizer(tmp_path, "lfq"))
    with pytest.raises(NvcodecError, match="no tokenizer"):
        load_tokenizer(saved_probe(tmp_path, CONFIG))
