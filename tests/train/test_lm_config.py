"""Configurations of the language model: those that come with nvcodec, and what is refused."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
import torch

from nvcodec.errors import NvcodecError
from nvcodec.generate.transformer import TokenTransformer
from nvcodec.train.lessons import LmLearner
from nvcodec.train.lm_config import LmSizes, LmTrainConfig, check_lm, model_config
from nvcodec.train.settings import SHIPPED, settings_over

from .test_config import by_name

KINETICS = 600  # classes
TOKEN_BITS = 18


def shipped(name: str) -> LmTrainConfig:
    return settings_over(LmTrainConfig(), Path(name))


def parameters(config: LmTrainConfig, classes: int) -> int:
    with torch.device("meta"):
        model = TokenTransformer(model_config(config, classes, TOKEN_BITS))
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("lm-*.toml")), ids=lambda path: path.stem)
def test_every_configuration_that_comes_with_nvcodec_is_sound_and_what_its_file_says(path: Path) -> None:
    config = shipped(path.stem)
    check_lm(config)
    said = by_name(tomllib.loads(path.read_text(encoding="utf-8")))
    assert said and by_name(dataclasses.asdict(config)) == by_name(dataclasses.asdict(LmTrainConfig())) | said


def test_they_have_the_parameters_that_the_documentation_says() -> None:
    assert parameters(shipped("lm-307m"), KINETICS) == 307_163_136
    assert parameters(shipped("lm-tiny-next"), 60) == 5_679_360
    assert parameters(shipped("lm-tiny"), 60) == 5_679_360 + 11 * 256**2  # it is told its neighbours on all sides
    said = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    assert "307.2 million" in said and "5.7 million" in said and "6.4 million" in said


def test_a_step_at_full_width_moves_the_weights() -> None:
    config = dataclasses.replace(
        shipped("lm-307m"), frames=5, size=32, model=dataclasses.replace(shipped("lm-307m").model, layers=2)
    )
    torch.manual_seed(1)
    model = TokenTransformer(model_config(config, KINETICS, TOKEN_BITS))
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
    before = {name: float(p.detach().sum()) for name, p in model.named_parameters()}
    tokens = torch.randint(1 << TOKEN_BITS, (1, 32), generator=torch.Generator().manual_seed(1))
    out = LmLearner(model, config)(tokens, torch.tensor([5]), torch.arange(32)[None] < 20, config.grid)
    out.loss.backward()
    optimizer.step()
    assert out.bits_per_token == pytest.approx(TOKEN_BITS, abs=3)
    moved = [name for name, p in model.named_parameters() if float(p.detach().sum()) != before[name]]
    assert set(before) - set(moved) <= {f"blocks.{i}.query_key_value.bias" for i in range(2)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective": "all"}, "one of masked, next"),
        ({"stage": "prior"}, "the stage of a language model is lm"),
        ({"frames": 16}, r"1 \+ 4k frames"),
        ({"size": 60}, "a multiple of 8"),
        ({"accumulate": 0}, "are 1 at least"),
        ({"class_dropout": 1.5}, "are shares"),
        ({"still_share": -0.1}, "are shares"),
        ({"muon": -1.0}, "muon is 0 at least"),
        ({"muon": 1.0, "sharded": True}, "it looks at whole matrices"),
        ({"model": LmSizes(heads=3)}, "the heads divide the width"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        check_lm(dataclasses.replace(LmTrainConfig(), **changes))  # type: ignore[arg-type]


def test_the_grid_is_that_of_the_clips_and_the_tokens_have_the_bits_of_their_tokenizer() -> None:
    model = model_config(LmTrainConfig(frames=9, size=128), classes=3, token_bits=10)
    assert (model.grid, model.classes, model.token_bits) == ((3, 16, 16), 3, 10)
    with pytest.raises(NvcodecError, match="the factors the bits of a token"):
        model_config(LmTrainConfig(), classes=3, token_bits=13)
