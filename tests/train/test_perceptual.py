"""Perceptual training: losses by hand, what draws learns and nothing else, and a run goes on exactly."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch

from nvcodec.train.config import read_config, record_of, write_record
from nvcodec.train.data import ClipSampler
from nvcodec.train.discriminator import Discriminator, blurred_half
from nvcodec.train.export import export_run
from nvcodec.train.joint import LossConfig
from nvcodec.train.loop import LOG
from nvcodec.train.perceptual import Perception, PerceptualConfig, drawing_loss, judging_loss, lecam
from nvcodec.train.run import Run

from .test_paper_size import SMALL_PAPER
from .test_run import SMALL, same, weights

PERCEPTUAL = PerceptualConfig(ms_ssim=4.0, adversarial=0.1, lecam=0.01, width=4)
JUDGED = dataclasses.replace(
    SMALL, stage="tokenizer", perceptual=PERCEPTUAL, loss=LossConfig(chosen_levels=True), log_steps=1
)
DRAWS = ("first_synthesis.embed", "first_synthesis.correct", "next_synthesis.embed", "next_synthesis.correct")
DRAWS += ("decoder_context", "decoder.")


@pytest.fixture(scope="module")
def begun(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has trained both halves without perception, to start from."""
    folder = tmp_path_factory.mktemp("runs") / "joint"
    Run(SMALL, folder, files).train()
    return folder


def test_losses_are_the_formulas() -> None:
    real, drawn = torch.tensor([[2.0, -1.0]]), torch.tensor([[0.5, -3.0]])

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    # non-saturating (Goodfellow et al. 2014): −log D(G(z)), against −log D(x) − log (1 − D(G(z)))
    assert float(drawing_loss(drawn)) == pytest.approx(-(math.log(sigmoid(0.5)) + math.log(sigmoid(-3))) / 2)
    of_real = -(math.log(sigmoid(2)) + math.log(sigmoid(-1))) / 2
    of_drawn = -(math.log(1 - sigmoid(0.5)) + math.log(1 - sigmoid(-3))) / 2
    assert float(judging_loss(real, drawn)) == pytest.approx(of_real + of_drawn, rel=1e-5)
    # LeCAM (Tseng et al. 2021): verdicts on what is real against the average on what is drawn, and the other way
    averages = torch.tensor([1.5, -0.5])
    by_hand = ((2 + 0.5) ** 2 + (-1 + 0.5) ** 2) / 2 + ((0.5 - 1.5) ** 2 + (-3 - 1.5) ** 2) / 2
    assert float(lecam(real, drawn, averages)) == pytest.approx(by_hand)


@pytest.mark.parametrize(("frames", "left"), [(1, 1), (4, 1), (5, 1), (16, 4), (17, 4)])
def test_there_is_a_verdict_on_every_patch(frames: int, left: int) -> None:
    assert Discriminator(4)(torch.zeros(2, 6, frames, 32, 16)).shape == (2, left, 4, 2)


def test_a_verdict_is_about_a_patch_and_its_surroundings_alone() -> None:
    torch.manual_seed(1)
    judge = Discriminator(4)
    clip = torch.randn(1, 6, 5, 64, 64)
    other = clip.clone()
    other[..., :4, :4] += 1
    changed = (judge(clip) != judge(other))[0, 0]
    assert bool(changed[0, 0]) and not bool(changed[5:].any()) and not bool(changed[:, 5:].any())


def test_a_blurred_half_is_that_of_the_kernel() -> None:
    x = torch.randn(1, 1, 6, 8, 4, generator=torch.Generator().manual_seed(1))
    weights = torch.tensor([0.25, 0.5, 0.25])
    kernel = torch.einsum("t,h,w->thw", weights, weights, weights)[None, None]
    padded = torch.nn.functional.pad(x, (1, 0, 1, 0, 1, 0), mode="replicate")
    torch.testing.assert_close(blurred_half(x), torch.nn.functional.conv3d(padded, kernel, stride=2))
    assert blurred_half(x[:, :, :1]).shape == (1, 1, 1, 4, 2)


def test_the_discriminator_learns_to_tell_and_what_it_says_reaches_the_picture(files: list[Path]) -> None:
    clips = ClipSampler(files, SMALL.data).batch(2, 5, torch.Generator().manual_seed(1))
    noisy = (clips + 0.1 * torch.randn(clips.shape, generator=torch.Generator().manual_seed(2))).requires_grad_()
    torch.manual_seed(1)
    perception = Perception(dataclasses.replace(PERCEPTUAL, ms_ssim=0), torch.device("cpu"), bfloat16=False)
    for _ in range(40):
        perception.begin()
        perception.learn(clips, noisy, last=True, share=1.0)
        perception.descend(3e-3, clip_norm=5.0)
    assert noisy.grad is None
    real, drawn = perception.verdicts[0]
    assert real > drawn + 1
    # the averages of LeCAM follow, slowly
    assert 0 < perception.figures()["real"] - perception.figures()["drawn"] < real - drawn
    before = {name: value.clone() for name, value in perception.network.named_parameters()}
    perception.begin()
    perception.loss(clips, noisy, step=0).backward()
    assert all(value.grad is None for value in perception.network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in perception.network.named_parameters())
    assert noisy.grad is not None
    with torch.no_grad():
        better = noisy - 1e-3 * noisy.grad.sign()
        assert perception.loss(clips, better, step=0) < perception.loss(clips, noisy, step=0)


def test_the_verdict_counts_from_the_step_that_was_wanted(files: list[Path]) -> None:
    clips = ClipSampler(files, SMALL.data).batch(1, 5, torch.Generator().manual_seed(1))
    late = dataclasses.replace(PERCEPTUAL, ms_ssim=0, adversarial_from=3)
    perception = Perception(late, torch.device("cpu"), bfloat16=False)
    assert float(perception.loss(clips, clips, step=2)) == 0 < float(perception.loss(clips, clips, step=3))


def test_what_draws_learns_and_what_levels_mean_and_cost_stays(files: list[Path], begun: Path, tmp_path: Path) -> None:
    Run(JUDGED, tmp_path / "run", files, start=begun).train()
    before, after = weights(begun), weights(tmp_path / "run")
    for kind in ("model", "average"):
        moved = {
            key.removeprefix(f"{kind}.")
            for key, value in after.items()
            if key.startswith(f"{kind}.") and not torch.equal(value, before["average." + key.removeprefix(f"{kind}.")])
        }
        assert moved and all(key.startswith(tuple(f"tokenizer.{part}" for part in DRAWS)) for key in moved)
        assert {part for part in DRAWS if any(key.startswith(f"tokenizer.{part}") for key in moved)} == set(DRAWS)
    row = json.loads((tmp_path / "run" / f"{LOG}.jsonl").read_text().splitlines()[-1])
    assert 0 < row["ms_ssim"] < 1 and {"real", "drawn"} <= row.keys()
    exported = export_run(tmp_path / "run", "judged", tmp_path, {})
    assert exported.parameters == export_run(begun, "plain", tmp_path, {}).parameters  # no discriminator in it


def test_it_makes_pictures_more_alike(files: list[Path], begun: Path, tmp_path: Path) -> None:
    one = LossConfig(quality_low=30, quality_high=31, first_boost=0, token_share=0, still_share=0, chosen_levels=True)
    alike = PerceptualConfig(ms_ssim=100.0)
    config = dataclasses.replace(JUDGED, steps=30, learning_rate=3e-3, loss=one, perceptual=alike, long_clips=(1,))
    run = Run(config, tmp_path / "run", files, start=begun)
    clips = run.sampler.batch(2, 5, torch.Generator().manual_seed(1))
    run.sampler.batch = lambda *_: clips  # type: ignore[method-assign]
    run.train()
    rows = [json.loads(line) for line in (tmp_path / "run" / f"{LOG}.jsonl").read_text().splitlines()]
    assert 1 - rows[-1]["ms_ssim"] < 0.8 * (1 - rows[0]["ms_ssim"])


@pytest.mark.parametrize("network", ["tiny", "magvit2"])
def test_a_judged_run_that_was_cut_off_goes_on_to_the_same(
    network: str, files: list[Path], begun: Path, tmp_path: Path
) -> None:
    paper = dataclasses.replace(SMALL_PAPER, perceptual=PERCEPTUAL)
    config, start = (JUDGED, begun) if network == "tiny" else (paper, None)
    Run(config, tmp_path / "whole", files, start=start).train()
    half = Run(config, tmp_path / "cut", files, start=start)
    half.config = dataclasses.replace(config, steps=2)
    half.train()
    kept = weights(tmp_path / "cut")
    assert int(kept["step"]) == 2 and float(kept["beside.averages"].abs().min()) > 0
    Run(config, tmp_path / "cut", files).train()
    whole = weights(tmp_path / "whole")
    assert same(whole, weights(tmp_path / "cut"))
    assert not torch.equal(whole["beside.model.verdict.weight"], kept["beside.model.verdict.weight"])


def test_without_weights_a_run_has_no_discriminator_and_is_what_it_was_before(
    files: list[Path], begun: Path, tmp_path: Path
) -> None:
    record = record_of(SMALL, 1, ["a"])
    del record["configuration"]["perceptual"]  # as runs kept it that began before there was such a part
    write_record(tmp_path, record)
    assert read_config(tmp_path)[0] == SMALL
    assert Run(SMALL, begun, files).perception is None
    assert not any(key.startswith("beside.") for key in weights(begun))
