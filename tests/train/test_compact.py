"""`compact` trains like the others, begins where linear transforms can, and becomes a file that `nvcodec` loads."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from nvcodec import weights
from nvcodec.errors import NvcodecError
from nvcodec.tokenizer import CompactConfig, CompactTokenizer
from nvcodec.tokenizer.lfq import LfqConfig
from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.config import TrainConfig, check, read_config, record_of, write_record
from nvcodec.train.data import ClipSampler, DataConfig
from nvcodec.train.export import export_run
from nvcodec.train.joint import Draw
from nvcodec.train.networks import CompactModel, build
from nvcodec.train.run import Run
from nvcodec.train.start import averaged_weights

from .test_run import same
from .test_run import weights as checkpoint

SMALL = TrainConfig(
    steps=4,
    batch=2,
    warmup=2,
    checkpoint_steps=2,
    bfloat16=False,
    long_clips=(1,),
    stage="tokenizer",
    network="compact",
    compact=CompactConfig(width=16, encoder_blocks=1, decoder_blocks=1),
    data=DataConfig(crop=32, frames=9, max_stride=1),
)
CHOICE = Draw(quality=0, first_quality=0, dropped=0, missing=False, still=True)


def psnr(model: CompactModel, clips: torch.Tensor) -> float:
    out = model(clips, CHOICE, torch.Generator(), None, 0)
    return float(-10 * torch.log10(out.squared_error / (out.frames * 4 * clips.shape[-1] * clips.shape[-2])))


@pytest.mark.parametrize("quantizer", ["lfq", "vq"])
def test_a_run_goes_on_where_it_stood_and_becomes_a_network(files: list[Path], tmp_path: Path, quantizer: str) -> None:
    config = dataclasses.replace(SMALL, compact=dataclasses.replace(SMALL.compact, quantizer=quantizer, codebook=32))
    Run(config, tmp_path / "whole", files).train()
    halfway = Run(config, tmp_path / "cut", files)
    halfway.config = dataclasses.replace(config, steps=2)
    halfway.train()
    Run(config, tmp_path / "cut", files).train()
    assert same(checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "cut"))

    made = export_run(tmp_path / "whole", "mine", tmp_path, {"note": "small"})
    assert (made.kind, made.card["note"], made.card["steps"]) == ("compact", "small", 4)
    loaded = weights.load_network(made.path)
    assert isinstance(loaded.module, CompactTokenizer) and loaded.module.config == config.compact
    average, _ = averaged_weights(tmp_path / "whole" / CHECKPOINT)
    for key, value in loaded.module.state_dict().items():
        assert torch.equal(value, average[f"tokenizer.{key}"].half().float()), key

    again = Run(dataclasses.replace(config, steps=1), tmp_path / "again", files, start=made.path).model.tokenizer
    assert same(again.state_dict(), loaded.module.state_dict())


def test_a_card_stays_short_where_very_many_files_were_learnt(files: list[Path], tmp_path: Path) -> None:
    Run(dataclasses.replace(SMALL, steps=1), tmp_path / "run", files).train()
    config, record = read_config(tmp_path / "run")
    assert export_run(tmp_path / "run", "few", tmp_path, {}).card["training"]["data"] == record["data"]
    write_record(tmp_path / "run", record_of(config, 1, [f"video-{i:04}" for i in range(2000)]))
    (data,) = export_run(tmp_path / "run", "many", tmp_path, {}).card["training"]["data"]
    assert data.startswith("2000 prepared files, names ")


def test_it_begins_with_the_pictures_that_linear_transforms_make(files: list[Path], tmp_path: Path) -> None:
    clips = ClipSampler(files, SMALL.data).batch(4, 9, torch.Generator().manual_seed(3))
    begun = Run(SMALL, tmp_path, files).model
    torch.manual_seed(SMALL.seed)
    anew = build(SMALL)
    assert isinstance(begun, CompactModel) and isinstance(anew, CompactModel)
    assert psnr(begun, clips) > psnr(anew, clips) + 10
    assert psnr(begun, clips) > 20


def test_the_log_says_eighteen_bits_for_each_token(files: list[Path]) -> None:
    clips = ClipSampler(files, SMALL.data).batch(2, 9, torch.Generator().manual_seed(3))
    out = build(SMALL)(clips, CHOICE, torch.Generator(), None, 0)
    assert float(out.bits) == 18 * 2 * 3 * 4 * 4
    assert out.decoded.shape == clips.shape
    assert out.squared_error.item() == pytest.approx(float((out.decoded - clips).square().sum()), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stage": "joint"}, "compact is a tokenizer without a prior"),
        ({"long_clips": (1, 2)}, "compact learns from whole clips"),
        ({"lfq": LfqConfig(groups=4)}, "18, which does not fall into lfq.groups = 4"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(change: dict[str, object], said: str) -> None:
    check(SMALL)
    with pytest.raises(NvcodecError, match=said):
        check(dataclasses.replace(SMALL, **change))  # type: ignore[arg-type]


def test_another_network_is_no_start(files: list[Path], tmp_path: Path) -> None:
    other = CompactConfig(width=32, encoder_blocks=1, decoder_blocks=1)
    path = tmp_path / "other.safetensors"
    weights.save_network(path, "compact", CompactTokenizer(other), asdict(other), {})
    with pytest.raises(NvcodecError, match="its tokenizer is of another size"):
        Run(SMALL, tmp_path / "run", files, start=path)
