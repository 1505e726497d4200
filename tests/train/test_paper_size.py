"""The paper's sizes: they build, have the parameters they say, and take a step."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from nvcodec.errors import NvcodecError
from nvcodec.prior.fixed_point import MAX_TERMS
from nvcodec.prior.linear import IntLinear
from nvcodec.prior.transformer import PriorConfig
from nvcodec.tokenizer.magvit2_config import Magvit2Config
from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.colour import from_rgb, to_rgb
from nvcodec.train.config import TrainConfig
from nvcodec.train.data import ClipSampler, DataConfig
from nvcodec.train.export import export_run
from nvcodec.train.joint import Draw
from nvcodec.train.networks import PaperTokenizer, build, parameter_count
from nvcodec.train.run import Run

from .test_config import shipped
from .test_run import SMALL, same, weights

MEMORY = 12 << 30  # weights, gradient and two moments of 370 million numbers, and room
CHOICE = Draw(quality=40, first_quality=40, dropped=0, missing=False, still=True)

SMALL_PAPER = dataclasses.replace(
    SMALL,
    stage="tokenizer",
    network="magvit2",
    magvit2=Magvit2Config.small(),
    long_clips=(1,),
    batch=1,
    data=DataConfig(crop=32, frames=5, max_stride=1),
)


def enough_memory() -> bool:
    """Whether there are MEMORY bytes for the asking. What only caches files counts, which sysconf leaves out."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return bool(kilobytes) and kilobytes[0] * 1024 > MEMORY


def test_they_have_the_parameters_that_the_documentation_says() -> None:
    assert parameter_count(shipped("magvit2")) == {"tokenizer": 370_547_349}
    assert parameter_count(shipped("prior-300m")) == {"tokenizer": 2_360_772, "prior": 307_345_136}
    said = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    assert "370.5 million" in said and "307.3 million" in said


def test_the_large_prior_keeps_to_sums_that_are_exact_in_integers() -> None:
    with torch.device("meta"):
        model = build(shipped("prior-300m"))
    inputs = [layer.weight.shape[1] for layer in model.modules() if isinstance(layer, IntLinear)]
    assert max(inputs) == 1028 <= MAX_TERMS
    wider = dataclasses.replace(TrainConfig(), prior=PriorConfig(width=1024, expansion=1))
    with pytest.raises(NvcodecError, match="are not exact"):
        build(wider)


@pytest.mark.skipif(not enough_memory(), reason="no 12 GiB of memory free, or no /proc to tell")
@pytest.mark.parametrize(("name", "crop"), [("magvit2", 16), ("prior-300m", 32)])
def test_one_step_at_full_size_on_a_small_crop_moves_the_weights(name: str, crop: int) -> None:
    config = shipped(name)
    torch.manual_seed(1)
    model = build(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
    clips = torch.rand(1, 6, 5, crop // 2, crop // 2, generator=torch.Generator().manual_seed(1)) - 0.5
    before = {name: float(p.detach().sum()) for name, p in model.named_parameters()}
    out = model(clips, CHOICE, torch.Generator().manual_seed(1), None, 0)
    out.loss.backward()
    optimizer.step()
    assert torch.isfinite(out.loss) and out.decoded.shape == clips.shape
    moved = [
        name for name, p in model.named_parameters() if p.grad is not None and float(p.detach().sum()) != before[name]
    ]
    # not what this step does not draw, and what is before a layer that starts at zero
    assert len(moved) > 0.8 * len(before)


def test_the_papers_tokenizer_learns_in_the_same_loop(files: list[Path], tmp_path: Path) -> None:
    config = dataclasses.replace(SMALL_PAPER, steps=30, warmup=3, learning_rate=3e-3, log_steps=1, checkpoint_steps=100)
    one = ClipSampler(files, config.data).batch(1, 5, torch.Generator().manual_seed(1))
    run = Run(config, tmp_path / "learns", files)
    run.sampler.batch = lambda *_: one  # type: ignore[method-assign]
    losses: list[float] = []
    run._row = lambda outs, *_: losses.append(float(outs[0].squared_error)) or {"step": 0}  # type: ignore[method-assign]
    run.train()
    assert len(losses) == 30 and sum(losses[-3:]) < 0.7 * sum(losses[:3])


def test_the_papers_tokenizer_goes_on_where_it_stood(files: list[Path], tmp_path: Path) -> None:
    Run(SMALL_PAPER, tmp_path / "whole", files).train()
    half = Run(SMALL_PAPER, tmp_path / "cut", files)
    half.config = dataclasses.replace(SMALL_PAPER, steps=2)
    half.train()
    Run(SMALL_PAPER, tmp_path / "cut", files).train()
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert (tmp_path / "cut" / CHECKPOINT).is_file()
    with pytest.raises(NvcodecError, match="magvit2, which nothing reads"):
        export_run(tmp_path / "cut", "paper", tmp_path, {})


def test_its_error_is_counted_as_the_other_networks_is(files: list[Path]) -> None:
    model = PaperTokenizer(SMALL_PAPER).eval()
    clips = ClipSampler(files, SMALL.data).batch(1, 5, torch.Generator().manual_seed(1))
    with torch.no_grad():
        out = model(clips, CHOICE, torch.Generator(), None, 0)
    pixels = 5 * 64 * 64
    by_rgb = float((to_rgb(out.decoded) - to_rgb(clips)).square().sum()) / (3 * pixels)
    by_six = float((out.decoded - clips).square().sum()) / pixels
    assert float(out.squared_error) / pixels == pytest.approx(by_rgb, rel=0.1)
    assert by_six == pytest.approx(by_rgb, rel=0.5)  # about the same: H.273's weights are not all one
    assert float(out.bits) == 18 * 2 * 8 * 8


def test_colours_come_back(files: list[Path]) -> None:
    clips = ClipSampler(files, SMALL.data).batch(1, 5, torch.Generator().manual_seed(1))
    torch.testing.assert_close(from_rgb(to_rgb(clips)), clips, atol=1e-4, rtol=0)
    white = torch.zeros(1, 6, 1, 1, 1)
    white[:, :4] = 0.5
    torch.testing.assert_close(to_rgb(white), torch.ones(1, 3, 1, 2, 2))
