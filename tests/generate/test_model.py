"""A language model as it is kept: written, loaded with the tokenizer that it names, and drawn from by its classes."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

from nvcodec.errors import ModelMismatch, NvcodecError
from nvcodec.generate.config import LmConfig
from nvcodec.generate.known import first_frames
from nvcodec.generate.model import KIND, LanguageModel, LmDescription, LmNetwork, load_lm
from nvcodec.generate.sampling import SamplingConfig
from nvcodec.tokenizer.compact import CompactConfig, CompactTokenizer
from nvcodec.weights import FOLDER_VARIABLE, load_network, save_network

TOKENIZER = CompactConfig(width=32, encoder_blocks=1, decoder_blocks=1)
SIZES = LmConfig(grid=(2, 2, 3), classes=2, width=32, layers=1, heads=2)
ALL_SIDES = dataclasses.replace(SIZES, grid=(2, 2, 2), neighbours=True, around=True)
FEW = SamplingConfig(steps=3)


def described(sha256: str, objective: str = "masked") -> LmDescription:
    return LmDescription(dataclasses.replace(SIZES, grid=(2, 2, 2)), objective, ("cat", "dog"), 5, 16, sha256)


def written(folder: Path, objective: str = "masked") -> Path:
    """A tokenizer and a language model of its tokens, neither of which has learnt anything."""
    torch.manual_seed(1)
    tokenizer = CompactTokenizer(TOKENIZER)
    sha256 = save_network(folder / "tok.safetensors", "compact", tokenizer, dataclasses.asdict(TOKENIZER), {})
    network = LmNetwork(described(sha256, objective))
    save_network(folder / "lm.safetensors", KIND, network, dataclasses.asdict(network.description), {"steps": 0})
    return folder / "lm.safetensors"


@pytest.fixture
def model(tmp_path: Path) -> LanguageModel:
    return load_lm(written(tmp_path))


def test_it_comes_back_as_it_was_written_with_its_tokenizer(tmp_path: Path) -> None:
    path = written(tmp_path)
    model = load_lm(path)
    torch.manual_seed(1)
    tokenizer = CompactTokenizer(TOKENIZER)
    network = LmNetwork(described("0"))
    assert (model.name, model.objective, model.classes, model.grid) == ("lm", "masked", ("cat", "dog"), (2, 2, 2))
    assert model.sha256 == load_network(path).sha256
    for key, value in network.state_dict().items():
        assert torch.equal(model.network.state_dict()[key], value.half().float())
    for key, value in tokenizer.state_dict().items():
        torch.testing.assert_close(model.tokenizer.state_dict()[key], value, rtol=1e-3, atol=1e-6)
    assert not model.transformer.training


@pytest.mark.parametrize("objective", ["masked", "next"])
def test_clips_are_drawn_class_by_class_and_the_same_of_the_same_seed(objective: str, tmp_path: Path) -> None:
    model = load_lm(written(tmp_path, objective))
    told: list[tuple[int, int]] = []
    one = model.sample(["cat", None], 2, FEW, 3, watch=lambda done, steps: told.append((done, steps)))
    assert one.shape == (4, 2, 2, 2) and one.dtype == torch.int64 and 0 <= int(one.min()) <= int(one.max()) < 1 << 18
    assert told[-1][0] == told[-1][1] == len(told)
    assert torch.equal(one, model.sample(["cat", None], 2, FEW, 3))
    assert not torch.equal(one, model.sample(["cat", None], 2, FEW, 4))
    frames, _ = model.tokenizer.decode(one)
    assert frames.shape == (4, 6, 5, 8, 8)


def test_more_clips_than_are_drawn_at_once_are_all_drawn_and_all_differ(model: LanguageModel) -> None:
    told: list[tuple[int, int]] = []
    drawn = model.sample(["dog"], 70, FEW, 1, watch=lambda done, steps: told.append((done, steps)))
    assert len(drawn.flatten(1).unique(dim=0)) == 70
    assert told == [(n, 9) for n in range(1, 10)]


def test_what_is_known_stays_for_one_clip_and_for_each_its_own(model: LanguageModel) -> None:
    known = first_frames(model.grid, 1)
    given = torch.randint(1 << 18, (40, *model.grid), generator=torch.Generator().manual_seed(1))
    drawn = model.sample(["cat", "dog"], 20, FEW, 1, known, given)
    assert torch.equal(drawn[:, 0], given[:, 0]) and not torch.equal(drawn[:, 1], given[:, 1])
    one = model.sample(["cat"], 3, FEW, 1, known, given[7])
    assert torch.equal(one[:, 0], given[7:8, 0].expand(3, -1, -1))


def test_a_class_that_it_does_not_have_is_refused_with_those_like_it(model: LanguageModel) -> None:
    assert (model.label("dog"), model.label(None)) == (1, model.transformer.no_class)
    with pytest.raises(NvcodecError, match=r"no class 'dig', but dog .*--list"):
        model.sample(["dig"])
    with pytest.raises(NvcodecError, match="but cat, dog"):
        model.label("house")


def test_its_tokenizer_may_be_installed_and_must_be_somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    own = tmp_path / "own"
    own.mkdir()
    for file in tmp_path.glob("tok.*"):
        shutil.move(file, own / file.name)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ModelMismatch, match=r"lm needs the network .*nvcodec models add"):
        load_lm(path)
    monkeypatch.setenv(FOLDER_VARIABLE, str(own))
    assert load_lm(path).sample(["cat"], 1, FEW).shape == (1, 2, 2, 2)


def test_a_network_of_another_kind_is_no_language_model(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(NvcodecError, match="no language model, but of the kind 'compact'"):
        load_lm(tmp_path / "tok.safetensors")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective": "both"}, "one of masked, next, not both"),
        ({"classes": ("cat",)}, "of 2 classes has names for 1"),
        ({"frames": 9}, "make a grid of"),
        ({"objective": "next", "model": ALL_SIDES}, "only what is before"),
    ],
)
def test_descriptions_that_do_not_go_together_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        dataclasses.replace(described("0"), **changes)  # type: ignore[arg-type]
