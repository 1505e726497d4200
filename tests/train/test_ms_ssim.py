"""MS-SSIM as a loss against implementations of others, and what holds of any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from nvcodec.train.data import ClipSampler, DataConfig
from nvcodec.train.ms_ssim import SCALE_WEIGHTS, luma, ms_ssim, scales_of
from tests.benchmarks.pairs import blurred, bunny, changed, coarse, frames


@pytest.fixture(scope="module")
def crops(files: list[Path]) -> torch.Tensor:
    """Clips `[2, 6, 2, 32, 32]` of real videos."""
    return ClipSampler(files, DataConfig(crop=64, frames=2)).batch(2, 2, torch.Generator().manual_seed(1))


def pictures(planes: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(planes)).float()[:, None] / 255


# MS-SSIM of the same frames by pytorch-msssim 1.0.0
@pytest.mark.parametrize(("change", "theirs"), [(blurred, 0.98007), (coarse, 0.98941)])
def test_it_is_that_of_another_implementation(change, theirs: float, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    clip = bunny(tmp_path)
    pair = changed(clip, change)
    before, after = ([planes[0] for planes in frames(clip, yuv)] for yuv in (None, pair.decoded))
    assert float(ms_ssim(pictures(before), pictures(after))) == pytest.approx(theirs, abs=2e-4)


def test_one_scale_is_scikit_image_s_ssim(crops: torch.Tensor) -> None:
    before = luma(crops)[:, :, 20:40, 20:40]  # no room for a second scale
    after = (before + 0.1 * torch.randn(before.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 1)
    theirs = [
        structural_similarity(
            a[0].numpy(), b[0].numpy(), gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
        )
        for a, b in zip(before, after, strict=True)
    ]
    assert float(ms_ssim(before, after)) == pytest.approx(np.mean(theirs), abs=1e-5)


def test_crops_have_as_many_scales_as_hold_a_window() -> None:
    assert [scales_of(side, 2 * side) for side in (10, 11, 22, 64, 128, 175, 176, 1000)] == [0, 1, 2, 3, 4, 4, 5, 5]
    assert sum(SCALE_WEIGHTS) == pytest.approx(1, abs=1e-3)
    with pytest.raises(ValueError, match="no window of 11"):
        ms_ssim(torch.zeros(1, 1, 10, 64), torch.zeros(1, 1, 10, 64))


def test_luma_is_the_picture_s(crops: torch.Tensor) -> None:
    shown = luma(crops)
    assert shown.shape == (4, 1, 64, 64)
    assert torch.equal(shown[1, 0, 0::2, 1::2], crops[0, 1, 1] + 0.5)  # the second phase of the second frame


def test_equal_pictures_are_the_best_and_a_slope_leads_there(crops: torch.Tensor) -> None:
    real = luma(crops)
    assert float(ms_ssim(real, real)) == pytest.approx(1, abs=1e-6)
    noise = 0.2 * torch.randn(real.shape, generator=torch.Generator().manual_seed(3))
    drawn = (real + noise).requires_grad_()
    optimizer = torch.optim.Adam([drawn], lr=0.01)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = 1 - ms_ssim(real, drawn)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]


def test_pictures_that_contradict_each_other_have_a_loss_and_a_slope_that_are_numbers(crops: torch.Tensor) -> None:
    real = luma(crops)
    negative = (1 - real).requires_grad_()
    loss = 1 - ms_ssim(real, negative)
    loss.backward()
    assert negative.grad is not None
    assert torch.isfinite(loss) and float(loss.detach()) > 0.9 and bool(torch.isfinite(negative.grad).all())
