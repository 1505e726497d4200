"""Training: it learns, it goes on exactly where it stood, and a run becomes a model."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from nvcodec.errors import NvcodecError
from nvcodec.prior.transformer import PriorConfig
from nvcodec.tokenizer.tiny import TinyConfig
from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.config import TrainConfig, read_config
from nvcodec.train.data import ClipSampler, DataConfig
from nvcodec.train.export import export_run
from nvcodec.train.joint import Draw, LossConfig
from nvcodec.train.loop import learning_rate
from nvcodec.train.networks import JointModel
from nvcodec.train.processes import own_device
from nvcodec.train.run import Run
from nvcodec.train.settings import with_setting
from nvcodec.weights.store import read_model

SMALL = TrainConfig(
    steps=4,
    batch=2,
    warmup=2,
    checkpoint_steps=2,
    bfloat16=False,
    long_clips=(1, 2),
    tokenizer=TinyConfig(latent_dims=24, width=32, encoder_blocks=1, decoder_blocks=1),
    prior=PriorConfig(latent_dims=24, width=32, motion_width=16, context_blocks=1),
    data=DataConfig(crop=64, frames=5, max_stride=1),
)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / CHECKPOINT)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(files: list[Path], tmp_path: Path) -> None:
    Run(SMALL, tmp_path / "whole", files).train()
    halfway = Run(SMALL, tmp_path / "cut", files)
    halfway.config = dataclasses.replace(SMALL, steps=2)
    halfway.train()
    assert int(weights(tmp_path / "cut")["step"]) == 2
    # the learning rate follows the whole run's length, which the first half's was not told
    steps = dataclasses.replace(SMALL, steps=2)
    assert learning_rate(SMALL, 1) == learning_rate(steps, 1)
    Run(SMALL, tmp_path / "cut", files).train()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def test_training_lowers_the_loss_of_what_it_sees(files: list[Path], tmp_path: Path) -> None:
    steady = LossConfig(quality_low=40, quality_high=41, first_boost=0, token_share=0, still_share=0)
    config = dataclasses.replace(
        SMALL, steps=40, warmup=4, learning_rate=3e-3, loss=steady, long_clips=(1,), checkpoint_steps=100
    )
    Run(config, tmp_path, files).train()
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 4
    assert losses[-1] < 0.8 * losses[0]


def test_a_run_becomes_a_model_of_its_averaged_weights(files: list[Path], tmp_path: Path) -> None:
    Run(SMALL, tmp_path / "run", files).train()
    config, record = read_config(tmp_path / "run")
    assert config == SMALL
    installed = export_run(tmp_path / "run", "small", tmp_path, {"note": "a test"})
    model = read_model(installed)
    assert model.tokenizer.config == SMALL.tokenizer
    assert model.prior.config == SMALL.prior
    assert installed.card["training"] == record
    assert installed.card["steps"] == SMALL.steps
    average = weights(tmp_path / "run")["average.tokenizer.encoder_context.weight"]
    assert torch.equal(model.tokenizer.encoder_context.weight, average.half().float())


def test_a_run_that_starts_from_another_says_so_and_begins_with_its_average(files: list[Path], tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    Run(SMALL, one, files).train()
    chosen = dataclasses.replace(SMALL, loss=LossConfig(chosen_levels=True, token_share=0))
    Run(chosen, two, files, start=one).train()
    _, record = read_config(two)
    assert record["start"] == {"steps": SMALL.steps, **read_config(one)[1]}
    before, after = weights(one), weights(two)
    # where levels are chosen no gradient reaches the analysis; all else learns
    analysis, head = "tokenizer.next_analysis.correct.weight", "prior.reader.token_head.weight"
    assert torch.equal(after[f"model.{analysis}"], before[f"average.{analysis}"])
    assert not torch.equal(after[f"model.{head}"], before[f"average.{head}"])


def test_a_run_can_start_from_an_exported_model(files: list[Path], tmp_path: Path) -> None:
    Run(SMALL, tmp_path / "one", files).train()
    exported = export_run(tmp_path / "one", "small", tmp_path, {})
    run = Run(SMALL, tmp_path / "two", files, start=exported.path)
    assert isinstance(run.model, JointModel)
    model = read_model(exported)
    assert torch.equal(run.model.tokenizer.encoder_context.weight, model.tokenizer.encoder_context.weight)
    assert read_config(tmp_path / "two")[1]["start"] == {"name": "small", "sha256": exported.sha256}
    run.model.prior.freeze()
    for (key, thawed), again in zip(run.model.prior.named_parameters(), model.prior.parameters(), strict=True):
        assert torch.equal(thawed.float(), again.float()), key


def test_the_same_generator_gives_the_same_clips_and_another_gives_others(files: list[Path]) -> None:
    sampler = ClipSampler(files, SMALL.data)
    one, again, other = (sampler.batch(2, 9, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert one.shape == (2, 6, 9, 32, 32)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_video_smaller_than_a_crop_is_no_sample(files: list[Path]) -> None:
    sizes = {array.shape[2] for array in ClipSampler(files, SMALL.data).videos}
    assert {72, 80} <= sizes
    assert {array.shape[2] for array in ClipSampler(files, DataConfig(crop=152, frames=5)).videos} == sizes - {72}


def test_settings_from_the_command_line_keep_their_types() -> None:
    config = with_setting(with_setting(TrainConfig(), "data.crop", "96"), "learning_rate", "2e-4")
    assert config.data.crop == 96
    assert config.learning_rate == 2e-4
    assert with_setting(config, "bfloat16", "false").bfloat16 is False
    assert with_setting(config, "long_clips", "1,3").long_clips == (1, 3)
    with pytest.raises(NvcodecError, match="there is no 'crops'"):
        with_setting(config, "data.crops", "96")


def gradient(config: TrainConfig, folder: Path, files: list[Path], clips: torch.Tensor) -> dict[str, torch.Tensor]:
    run = Run(config, folder, files, device=torch.device("cpu"))
    choice = Draw(quality=40, first_quality=44, dropped=0, missing=False, still=False)
    run._gradient(clips, choice, torch.Generator().manual_seed(1), [None] * config.accumulate)
    return {name: p.grad for name, p in run.model.named_parameters() if p.grad is not None}


def test_two_batches_added_up_give_the_gradient_of_one_twice_as_large(files: list[Path], tmp_path: Path) -> None:
    clips = ClipSampler(files, SMALL.data).batch(4, SMALL.data.frames, torch.Generator().manual_seed(3))
    # in float32 throughout: rounded to bfloat16, sums over a batch differ with its size
    whole = gradient(dataclasses.replace(SMALL, batch=4), tmp_path / "whole", files, clips)
    parts = gradient(dataclasses.replace(SMALL, batch=2, accumulate=2), tmp_path / "parts", files, clips)
    other = gradient(dataclasses.replace(SMALL, batch=2, accumulate=2), tmp_path / "other", files, clips.flip(1))
    assert whole.keys() == parts.keys()

    def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
        square = sum(float((a[name] - b[name]).square().sum()) for name in a)
        return (square / sum(float(value.square().sum()) for value in a.values())) ** 0.5

    assert distance(whole, parts) < 1e-3
    assert distance(whole, other) > 0.1


@pytest.mark.parametrize(("stage", "kept"), [("prior", "tokenizer"), ("tokenizer", "prior")])
def test_half_a_model_learns_and_the_other_half_stays(stage: str, kept: str, files: list[Path], tmp_path: Path) -> None:
    Run(SMALL, tmp_path / "joint", files).train()
    alone = dataclasses.replace(SMALL, stage=stage)
    Run(alone, tmp_path / "alone", files, start=tmp_path / "joint").train()
    halfway = Run(alone, tmp_path / "again", files, start=tmp_path / "joint")
    halfway.config = dataclasses.replace(alone, steps=2)
    halfway.train()
    Run(alone, tmp_path / "again", files).train()
    before, after = weights(tmp_path / "joint"), weights(tmp_path / "alone")
    assert same(after, weights(tmp_path / "again"))
    same_still = {
        part: [torch.equal(before[f"average.{k[6:]}"], v) for k, v in after.items() if k.startswith(f"model.{part}.")]
        for part in (stage, kept)
    }
    assert all(same_still[kept]) and not all(same_still[stage])
    assert export_run(tmp_path / "alone", "half", tmp_path, {}).card["training"]["start"]["steps"] == SMALL.steps


def test_a_larger_prior_begins_anew_beside_a_tokenizer_that_is_there(files: list[Path], tmp_path: Path) -> None:
    Run(SMALL, tmp_path / "joint", files).train()
    larger = dataclasses.replace(SMALL, stage="prior", prior=dataclasses.replace(SMALL.prior, context_blocks=2))
    run = Run(larger, tmp_path / "larger", files, start=tmp_path / "joint")
    average = weights(tmp_path / "joint")["average.tokenizer.encoder_context.weight"]
    assert isinstance(run.model, JointModel)
    assert torch.equal(run.model.tokenizer.encoder_context.weight, average)
    with pytest.raises(NvcodecError, match="its prior is of another size"):
        Run(dataclasses.replace(larger, stage="joint"), tmp_path / "both", files, start=tmp_path / "joint")


def test_a_run_goes_on_longer_but_not_as_another(files: list[Path], tmp_path: Path) -> None:
    Run(SMALL, tmp_path, files).train()
    with pytest.raises(NvcodecError, match=r"learning_rate was 0\.001 and is 0\.01"):
        Run(dataclasses.replace(SMALL, learning_rate=0.01), tmp_path, files)
    with pytest.raises(NvcodecError, match="other data"):
        Run(SMALL, tmp_path, files[:1])
    Run(dataclasses.replace(SMALL, steps=5), tmp_path, files).train()
    assert int(weights(tmp_path)["step"]) == 5
    assert read_config(tmp_path)[0].steps == 5


def test_each_process_takes_the_gpu_of_its_place_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert own_device() == torch.device("cuda", 3)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert own_device() == torch.device("cpu")


def test_nothing_of_the_loss_stays_behind_when_the_networks_move(monkeypatch: pytest.MonkeyPatch) -> None:
    # the device "meta" computes shapes alone and refuses most of what mixes devices, which GPUs would too
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    model = JointModel(SMALL).to("meta")
    clips = torch.zeros(2, 6, 9, 32, 32, device="meta")
    for choice in (Draw(40, 44, 1, missing=True, still=False), Draw(0, 0, 0, missing=True, still=True)):
        out = model(clips, choice, torch.Generator(), None, 0)
        out.loss.backward()
        assert out.loss.device.type == out.decoded.device.type == "meta"
        assert out.decoded.shape == clips.shape
