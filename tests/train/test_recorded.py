"""The prior that learns from recorded GOPs: what it pays for is what the codec pays for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nvcodec.codec.gop import ClosedLoop, GopQuality
from nvcodec.tokenizer.conditioning import conditions
from nvcodec.train.config import TrainConfig
from nvcodec.train.networks import JointModel
from nvcodec.train.record import RecordConfig, Recorder, read_gop, write_gop
from nvcodec.train.recorded import RecordedRun, gop_bits
from nvcodec.train.start import take_weights, weights_of_model
from nvcodec.weights import load
from nvcodec.weights.catalogue import installed

from .test_run import same, weights

CONFIG = RecordConfig(crop=64, frames=13, quality_low=30, quality_high=60)
SIZE = 8, 8


@pytest.fixture(scope="module")
def recorded(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    recorder, folder = Recorder(files, load("tiny"), CONFIG), tmp_path_factory.mktemp("recorded")
    for number in range(4):
        write_gop(folder / f"1-{number}.npz", *recorder.gop(1, number))
    return sorted(folder.glob("*.npz"))


def shipped() -> Path:
    return next(model.path for model in installed() if model.name == "tiny")


def test_a_recorded_gop_is_kept_as_it_was_coded(files: list[Path], recorded: list[Path]) -> None:
    recorder = Recorder(files, load("tiny"), CONFIG)
    quality, levels = recorder.gop(1, 2)
    kept, there = read_gop(recorded[2])
    assert kept == quality
    assert torch.equal(there, levels)
    assert levels.shape == (4, 64, 68)
    assert not torch.equal(recorder.gop(2, 2)[1], levels)


def test_bits_are_those_that_the_codec_counts() -> None:
    model = load("tiny")
    clip = torch.rand(6, 9, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    clip = torch.nn.functional.avg_pool2d(clip, 5, 1, 2)
    loop = ClosedLoop(model, GopQuality(60, 40))
    chosen = [loop.take(step) for step in clip.split((1, 4, 4), dim=1)]
    state, _ = weights_of_model(shipped())
    networks = JointModel(TrainConfig(stage="prior"))
    take_weights(networks, state, shipped(), "prior")
    networks.eval()
    known = [conditions(quality, first=first)[None] for quality, first in ((60, True), (40, False), (40, False))]
    levels = torch.stack([frame.level for frame in chosen]).float()[None]
    with torch.no_grad():
        bits, _ = gop_bits(networks.prior, levels, SIZE, known, None)
    assert float(bits) == pytest.approx(sum(frame.bits() for frame in chosen), rel=1e-4)


def run(folder: Path, recorded: list[Path], steps: int) -> RecordedRun:
    config = TrainConfig(steps=steps, batch=2, learning_rate=1e-4, warmup=4, checkpoint_steps=2, log_steps=1)
    made = RecordedRun(config, folder, recorded, shipped())
    made.train()
    return made


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(recorded: list[Path], tmp_path: Path) -> None:
    run(tmp_path / "whole", recorded, 4)
    run(tmp_path / "parts", recorded, 2)
    assert run(tmp_path / "parts", recorded, 4).step == 4
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_the_prior_learns_and_the_tokenizer_stays(recorded: list[Path], tmp_path: Path) -> None:
    before, _ = weights_of_model(shipped())
    after = run(tmp_path / "run", recorded, 12).model.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before if key.startswith("tokenizer."))
    quality, levels = read_gop(recorded[0])

    def bits(state: dict[str, torch.Tensor]) -> float:
        networks = JointModel(TrainConfig(stage="prior"))
        networks.load_state_dict(state)
        networks.eval()
        known = [conditions(quality.at(i), first=i == 0)[None] for i in range(len(levels))]
        with torch.no_grad():
            return float(gop_bits(networks.prior, levels.float()[None], SIZE, known, None)[0])

    assert bits(after) < bits(before)
