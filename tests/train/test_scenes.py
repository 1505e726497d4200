"""Scenes of photographs: seeded, in range, and with each of the things that real video has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nvcodec.train import scenes
from nvcodec.train.camera import CameraPath, view
from nvcodec.train.data import ClipSampler, DataConfig
from nvcodec.train.prepare import prepare

from .stills import write_still

FRAMES, CROP = 9, 64
SHARES = ("CUT_SHARE", "LIGHT_SHARE", "NOISE_SHARE", "CUT_OUTS")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("stills")
    for seed in (1, 2, 3):
        write_still(folder / f"{seed}.png", seed)
    return prepare([folder], folder / "kept")


def sampler(files: list[Path], scene_share: float) -> ClipSampler:
    return ClipSampler(files, DataConfig(crop=CROP, frames=FRAMES, scene_share=scene_share))


def one(files: list[Path], seed: int) -> Tensor:
    return sampler(files, 1.0).batch(1, FRAMES, torch.Generator().manual_seed(seed))[0]


def only(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    """Scenes of a camera that stands still in which nothing else happens but what is named."""
    for share in SHARES:
        monkeypatch.setattr(scenes, share, int(share == name))
    monkeypatch.setattr(scenes, "draw_path", lambda g: CameraPath(torch.zeros(2)))


def changes(clip: Tensor) -> Tensor:
    """How much each frame differs from the one before, `[T − 1]`."""
    return (clip[:, 1:] - clip[:, :-1]).abs().amax((0, 2, 3))


def test_the_same_seed_gives_the_same_scene_and_another_another(files: list[Path]) -> None:
    assert torch.equal(one(files, 3), one(files, 3))
    assert not torch.equal(one(files, 3), one(files, 4))


def test_scenes_are_samples_like_any_other(files: list[Path]) -> None:
    for seed in range(12):
        clip = one(files, seed)
        assert clip.shape == (6, FRAMES, CROP // 2, CROP // 2)
        assert clip[:4].abs().max() <= 0.5 and clip[4:].abs().max() <= 2 * 128 / 255
        levels = (clip[:4] + 0.5) * 255
        assert torch.allclose(levels, levels.round(), atol=1e-3)  # 8-bit values, as a video's


def test_no_scene_is_drawn_where_none_is_asked_for(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> Tensor:
        raise AssertionError("a scene was drawn")

    monkeypatch.setattr("nvcodec.train.data.scene", never)
    sampler(files, 0.0).batch(8, FRAMES, torch.Generator().manual_seed(1))
    with pytest.raises(AssertionError, match="a scene was drawn"):
        sampler(files, 1.0).batch(8, FRAMES, torch.Generator().manual_seed(1))


def test_a_camera_that_stands_still_shows_one_picture(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, None)
    assert changes(one(files, 5)).max() == 0


def test_a_cut_changes_everything_once(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "CUT_SHARE")
    counts = [int((changes(one(files, seed)) > 0).sum()) for seed in range(8)]
    assert set(counts) <= {0, 1} and sum(counts) >= 5  # 0 where both shots are of one place


def test_a_cut_out_moves_over_a_background_that_stands(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "CUT_OUTS")
    moved = [(clip[:, 1:] - clip[:, :-1]).abs().amax((0, 1)) > 0 for clip in (one(files, s) for s in range(8))]
    shares = [float(mask.float().mean()) for mask in moved]
    assert any(0.01 < share < 0.9 for share in shares) and 0 in shares  # 0 where none was drawn


def test_light_comes_or_goes_evenly(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "LIGHT_SHARE")
    steps = (one(files, 6)[:4].mean((0, 2, 3))).diff()
    assert (steps > 0).all() or (steps < 0).all()
    assert steps.abs().max() < 2 * steps.abs().min()


def test_noise_is_new_in_every_frame(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "NOISE_SHARE")
    clip = one(files, 6)
    assert (changes(clip) > 0).all()
    assert (clip[:, 1:] - clip[:, :-1]).abs().mean() * 255 < 2 * scenes.NOISE


def test_what_is_nearer_moves_faster_with_the_camera() -> None:
    path = CameraPath(torch.tensor([1.0, 0.0]))
    assert torch.equal(path.deeper(2.0, torch.tensor([0.0, 0.5])).velocity, torch.tensor([2.0, 0.5]))
    ramp = torch.arange(80.0).mul(2).expand(6, 64, 80).to(torch.uint8)  # brightness grows to the right
    near, far = (
        view(ramp, path.deeper(k, torch.zeros(2)), 5, 32, torch.Generator().manual_seed(1)) for k in (2.0, 1.0)
    )
    assert torch.allclose(near[:, 4:].mean((1, 2, 3)).diff(), 2 * far[:, 4:].mean((1, 2, 3)).diff(), atol=0.02)
