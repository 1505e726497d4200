"""A run goes on as what it is, and settings that do not go together are refused in words."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest

from nvcodec.errors import NvcodecError
from nvcodec.prior.transformer import PriorConfig
from nvcodec.tokenizer.magvit2_config import Magvit2Config
from nvcodec.train.config import (
    TrainConfig,
    ValidationConfig,
    check,
    check_same_run,
    check_start,
    read_config,
    record_of,
    write_record,
)
from nvcodec.train.data import DataConfig
from nvcodec.train.perceptual import PerceptualConfig
from nvcodec.train.settings import SHIPPED, read_settings, with_setting

BEFORE = TrainConfig(steps=100)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_record(tmp_path, record_of(BEFORE, 1, ["a", "b"]))
    return tmp_path


def test_a_record_is_read_back_as_it_was(tmp_path: Path) -> None:
    config = TrainConfig(magvit2=Magvit2Config(halve_time=(True, False, True)), long_clips=(1, 3), sharded=True)
    write_record(tmp_path, record_of(config, 2, ["a"]))
    read, record = read_config(tmp_path)
    assert read == config
    assert (record["processes"], record["data"]) == (2, ["a"])


def test_more_steps_and_other_logging_are_the_same_run(run: Path) -> None:
    longer = dataclasses.replace(
        BEFORE, steps=200, checkpoint_steps=7, log_steps=3, validation=ValidationConfig(every=5)
    )
    check_same_run(run, longer, ["a", "b"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"learning_rate": 0.5}, r"learning_rate was 0.001 and is 0.5"),
        ({"data": DataConfig(crop=96)}, r"data.crop was 128 and is 96"),
        ({"prior": PriorConfig(width=64)}, r"prior.width was 128 and is 64"),
        ({"stage": "prior", "seed": 2}, r"seed was 1 and is 2; stage was 'joint' and is 'prior'"),
    ],
)
def test_anything_else_is_another_run_and_says_what(run: Path, changed: dict[str, object], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        check_same_run(run, dataclasses.replace(BEFORE, **changed), ["a", "b"])  # type: ignore[arg-type]


def test_other_data_is_another_run(run: Path) -> None:
    with pytest.raises(NvcodecError, match=r"1 prepared files are gone, 2 are new"):
        check_same_run(run, BEFORE, ["b", "c", "d"])


SMALL_CROPS = {"stage": "tokenizer", "network": "magvit2", "long_clips": (1,), "data": DataConfig(crop=8)}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"stage": "both"}, "stage is one of joint, tokenizer, prior"),
        ({"network": "magvit2"}, "nvcodec train tokenizer trains it"),
        ({"network": "magvit2", "stage": "tokenizer"}, "long_clips is 1"),
        ({"prior": PriorConfig(latent_dims=32)}, "the tokenizer has 64 latent dimensions, the prior 32"),
        ({"accumulate": 0}, "accumulate is 0"),
        ({"data": DataConfig(frames=16)}, r"clips have 1 \+ 4k frames"),
        ({"data": DataConfig(crop=100)}, "not a multiple of 8"),
        ({"data": DataConfig(crop=24)}, "from 32 on"),
        ({"long_clips": ()}, "one at least"),
        ({"perceptual": PerceptualConfig(ms_ssim=1)}, "nvcodec train tokenizer does"),
        ({"stage": "tokenizer", "sharded": True, "perceptual": PerceptualConfig(adversarial=1)}, "sharded = false"),
        (SMALL_CROPS | {"perceptual": PerceptualConfig(ms_ssim=1)}, "crops from 11 pixels a side on"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(setting: dict[str, object], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        check(dataclasses.replace(TrainConfig(), **setting))  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", ["tokenizer", "prior"])
def test_half_a_model_needs_the_other_half(stage: str, tmp_path: Path) -> None:
    config = TrainConfig(stage=stage)
    check_start(config, tmp_path)
    with pytest.raises(NvcodecError, match=f"the stage {stage} needs --start"):
        check_start(config, None)


def test_a_folder_without_a_record_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(NvcodecError, match=r"config.json cannot be read"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text('{"configuration": {"crops": 1}}')
    with pytest.raises(NvcodecError, match="not the configuration of a run"):
        read_config(tmp_path)


def test_a_configuration_is_a_file_or_a_name_that_comes_with_nvcodec(tmp_path: Path) -> None:
    assert read_settings(Path("tiny")) == TrainConfig()
    (tmp_path / "own.toml").write_text("steps = 3\n[magvit2]\nhalve_time = [true, false, true]\n")
    assert read_settings(tmp_path / "own.toml").magvit2.halve_time == (True, False, True)
    with pytest.raises(NvcodecError, match=r"none of the configurations .*magvit2, prior-300m, tiny"):
        read_settings(Path("nothing"))
    with pytest.raises(NvcodecError, match="cannot be read"):
        read_settings(tmp_path / "nothing")


def shipped(name: str) -> TrainConfig:
    """A configuration that comes with nvcodec, of the stage that can train it."""
    config = read_settings(Path(name))
    return with_setting(config, "stage", "tokenizer") if config.network != "tiny" else config


def by_name(table: dict[str, Any], prefix: str = "") -> dict[str, object]:
    """Every setting of a configuration's table, parts and all, by its name as `--set` has it."""
    found: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= by_name(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = tuple(value) if isinstance(value, list) else value
    return found


CODEC = [path for path in sorted(SHIPPED.glob("*.toml")) if not path.stem.startswith("lm-")]  # test_lm_config.py


@pytest.mark.parametrize("path", CODEC, ids=lambda path: path.stem)
def test_every_configuration_that_comes_with_nvcodec_is_sound_and_what_its_file_says(path: Path) -> None:
    config = shipped(path.stem)
    check(config)
    said = by_name(tomllib.loads(path.read_text(encoding="utf-8"))) | {"stage": config.stage}
    assert by_name(dataclasses.asdict(config)) == by_name(dataclasses.asdict(TrainConfig())) | said
