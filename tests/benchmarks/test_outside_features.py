"""FID and FVD: by networks of the shapes that have the names, with weights that were never trained, and no network."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from nvcodec.benchmarks.generation import Plan, measure_generation
from nvcodec.benchmarks.labelled import Judge, RealClips, stored
from nvcodec.benchmarks.outside_features import (
    I3D_URL,
    INCEPTION_URL,
    OutsideFeatures,
    i3d_features,
    inception_features,
    outside_features,
    rgb_clips,
)
from nvcodec.benchmarks.report.generation_tables import generation_tables
from nvcodec.benchmarks.report.table import markdown
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.errors import NvcodecError
from nvcodec.understand.feature_network import FeatureConfig, FeatureNetwork
from nvcodec.understand.frechet import Gaussian, frechet_distance

from .test_generation import CLASSES, language_model

FRAMES = 13


class TinyI3d(nn.Module):
    """Called as the file that is shared for FVD; sees colours, how they vary, and how much moves."""

    def forward(
        self, x: Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ) -> Tensor:
        if x.dim() != 5 or x.shape[1] != 3 or x.shape[2] < 10 or not return_features:
            raise RuntimeError("not as I3D is called")
        if rescale:
            x = 2 * x / 255 - 1
        if resize:
            x = F.interpolate(x, size=[x.shape[2], 24, 24], mode="trilinear", align_corners=False)
        moved = (x[:, :, 1:] - x[:, :, :-1]).abs().mean((2, 3, 4))
        return torch.cat([x.mean((2, 3, 4)), x.flatten(2).std(2), moved], 1)


@pytest.fixture(autouse=True)
def _nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **named: object) -> None:
        raise AssertionError("something was to be fetched")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refused)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refused)


@pytest.fixture(scope="module")
def extractor() -> Iterator[Any]:
    """torch-fidelity's Inception. Where torchvision does not load beside this PyTorch an empty one stands in for it:

    torch-fidelity loads it for other networks, and Inception uses none of it.
    """
    if find_spec("torch_fidelity") is None:
        pytest.skip("torch-fidelity is not installed")
    with pytest.MonkeyPatch.context() as patch:
        try:
            import torchvision  # noqa: F401 # type: ignore
        except (ImportError, RuntimeError):
            inside = ("", ".datasets", ".transforms", ".transforms.functional")
            modules: list[Any] = [ModuleType(f"torchvision{name}") for name in inside]
            vision, datasets, transforms, functional = modules
            vision.transforms, transforms.functional = transforms, functional
            datasets.CIFAR10 = datasets.CIFAR100 = datasets.STL10 = object
            for module in modules:
                patch.setitem(sys.modules, module.__name__, module)
        from torch_fidelity import feature_extractor_inceptionv3

        yield feature_extractor_inceptionv3
        for name in [name for name in sys.modules if name.partition(".")[0] == "torch_fidelity"]:
            patch.delitem(sys.modules, name)


@pytest.fixture(scope="module")
def inception(extractor: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights that are Inception's by name and shape."""
    torch.manual_seed(5)
    inception_class = extractor.FeatureExtractorInceptionV3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "load", lambda *arguments, **named: {})
        patch.setattr(inception_class, "load_state_dict", lambda self, state: None)
        network = inception_class("random", ["2048"], feature_extractor_weights_path="none")
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)  # the usual start lets pictures fade away in so deep a network
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def i3d(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "i3d.pt"
    torch.jit.script(TinyI3d()).save(str(path))
    return path


def noise(count: int, seed: int, frames: int = FRAMES, scale: float = 0.5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return stored(scale * (torch.rand(count, 6, frames, 8, 8, generator=generator) - 0.5))


def distance(features: OutsideFeatures, one: Tensor, other: Tensor) -> float:
    return frechet_distance(Gaussian.of(features.of(one)), Gaussian.of(features.of(other)))


def test_fid_is_none_of_a_set_from_itself_and_grows_with_what_differs(inception: Path) -> None:
    features = inception_features(inception)
    clips = noise(2, 1, frames=5)
    darker, much_darker = clips.clone(), clips.clone()
    darker[:, :4] -= 0.1
    much_darker[:, :4] -= 0.3
    seen = [features.of(each) for each in (clips, darker, much_darker)]
    assert seen[0].shape == (2 * 2, 2048)
    none, near, far = (frechet_distance(Gaussian.of(seen[0]), Gaussian.of(each)) for each in seen)
    assert none < 1e-6 * near < near < far


def test_fid_is_of_every_fourth_frame(inception: Path) -> None:
    of = inception_features(inception).of
    clips = noise(1, 2, frames=8)
    other = clips.clone()
    other[:, :, [1, 2, 3, 5, 6, 7]] = 0
    found = of(clips)
    assert len(found) == 2 and torch.equal(of(other), found)
    assert torch.allclose(of(clips[:, :, 4:5])[0], found[1], rtol=1e-3, atol=1e-5)


def test_fvd_is_none_of_a_set_from_itself_and_sees_what_moves(i3d: Path) -> None:
    features = i3d_features(i3d)
    clips = noise(12, 3)
    still = clips[:, :, :1].expand(-1, -1, FRAMES, -1, -1)
    assert features.of(clips).shape == (12, 9)
    assert distance(features, clips, clips) < 1e-9 < 1e-3 < distance(features, clips, still)


def test_networks_see_pictures_as_a_player_shows_them(i3d: Path) -> None:
    def grey(level: int) -> Tensor:
        clip = torch.zeros(1, 6, 10, 8, 8)
        clip[:, :4] = level / 255 - 0.5
        return clip

    (white,), (black,) = rgb_clips(grey(235), 1), rgb_clips(grey(16), 1)
    assert white.shape == (1, 3, 10, 16, 16) and white.dtype == torch.uint8
    assert white.unique().tolist() == [255] and black.unique().tolist() == [0]
    assert torch.allclose(i3d_features(i3d).of(grey(235))[0, :3], torch.ones(3))  # 255, brought to −1…1
    red = grey(81)
    red[:, 4], red[:, 5] = 2 * (90 - 128) / 255, 2 * (240 - 128) / 255  # BT.601
    r, g, b = next(rgb_clips(red, 1))[0, :, 0, 4, 4].tolist()
    assert r >= 253 and g <= 2 and b <= 2


@pytest.fixture(scope="module")
def network() -> FeatureNetwork:
    torch.manual_seed(1)
    return FeatureNetwork(FeatureConfig(CLASSES, 9, 32, width=8, features=4)).eval()


def test_a_report_has_fid_and_fvd_where_they_were_asked_for_and_nowhere_else(network: FeatureNetwork) -> None:
    def mean_colour(clips: Tensor) -> Tensor:
        return torch.cat([part.float().mean((2, 3, 4)) for part in rgb_clips(clips, 8)])

    generator = torch.Generator().manual_seed(6)
    clips = stored(torch.rand(24, 6, 9, 16, 16, generator=generator) - 0.5)
    def of_frames(clips: Tensor) -> Tensor:
        return mean_colour(clips[:, :, ::4].transpose(1, 2).flatten(0, 1).unsqueeze(2))

    given = (
        OutsideFeatures("FID", "frames", "ab" * 32, of_frames),
        OutsideFeatures("FVD", "clips", "cd" * 32, mean_colour),
    )
    texts, columns = {}, {}
    for outside in (given, ()):
        judge = Judge(network, "", [clips[8:16], clips[16:]], outside)
        real = RealClips(clips[:8], torch.arange(8) % 4, judge)
        report, _ = measure_generation(real, [language_model("next", "lm")], Plan(guidance=(0.0,)))
        table = generation_tables(report)[0]
        texts[len(outside)], columns[len(outside)] = report.to_json() + markdown(table), table.columns
        for row, shown in zip(json.loads(report.to_json())["rows"], table.rows, strict=True):
            found = row["judged"]["outside"]
            assert list(found) == [each.distance for each in outside]
            assert list(shown[4 : 4 + len(found)]) == [f"{value:.1f}" for value in found.values()]
            assert len(shown) == len(table.columns)
    assert columns[2] == (*columns[0][:4], "FID", "FVD", *columns[0][4:])
    assert "FID" not in texts[0] and "FVD" not in texts[0]
    assert "FID: 24 frames a row, 48 real ones" in texts[2] and "FVD: 8 clips a row, 16 real ones" in texts[2]
    assert "SHA-256 cdcdcdcdcdcd" in texts[2]


def test_a_report_goes_by_the_files_given(network: FeatureNetwork, i3d: Path) -> None:
    (features,) = outside_features(None, i3d)
    assert (features.distance, features.unit, len(features.sha256)) == ("FVD", "clips", 64)
    judge = Judge(network, "", [noise(6, 7), noise(6, 8)], (features,))
    judged = judge(noise(4, 9), torch.arange(4))
    assert judged.outside == {"FVD": pytest.approx(judge.outside[0].distance(noise(4, 9)))}
    assert judge.frechet(noise(4, 9)) == judged.frechet
    assert outside_features(None, None) == ()


def test_clips_that_i3d_finds_too_short_are_refused(i3d: Path) -> None:
    features = i3d_features(i3d)
    features.check(10)
    with pytest.raises(NvcodecError, match=r"^FVD is of clips of 10 frames or more, not of 9$"):
        features.check(9)


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return open, (str(self.path), "w")


def test_a_file_that_would_run_something_is_no_inception_and_runs_nothing(extractor: Any, tmp_path: Path) -> None:
    torch.save({"conv": Evil(tmp_path / "trace")}, tmp_path / "evil.pth")
    assert refused(inception_features, tmp_path / "evil.pth").endswith(extractor.URL_INCEPTION_V3)
    assert not (tmp_path / "trace").exists()


@pytest.fixture
def others(tmp_path: Path) -> list[Path]:
    """Files that are neither network: no file of PyTorch's, a list, other weights, another program."""
    paths = [tmp_path / name for name in ("garbage", "list", "weights", "script")]
    paths[0].write_bytes(b"no weights at all")
    torch.save([torch.zeros(2)], paths[1])
    torch.save({"weight": torch.zeros(2)}, paths[2])
    torch.jit.script(nn.Linear(2, 2)).save(str(paths[3]))
    return paths


def test_a_missing_or_other_file_for_fid_is_one_line_that_says_where_the_right_one_is(
    extractor: Any, others: list[Path], tmp_path: Path
) -> None:
    assert extractor.URL_INCEPTION_V3 == INCEPTION_URL
    for path in others:
        assert "does not hold Inception's weights" in refused(inception_features, path)
    gone = refused(inception_features, tmp_path / "gone")
    assert "gone: no such file" in gone and INCEPTION_URL in gone and "nvcodec does not fetch it" in gone


def test_a_missing_or_other_file_for_fvd_is_one_line_that_says_where_the_right_one_is(
    others: list[Path], tmp_path: Path
) -> None:
    for path in others:
        assert "is not I3D as TorchScript" in refused(i3d_features, path)
    gone = refused(i3d_features, tmp_path / "gone")
    assert "gone: no such file" in gone and I3D_URL in gone and "nvcodec does not fetch it" in gone
    assert "is a directory" in refused(i3d_features, tmp_path)


def test_without_torch_fidelity_fid_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.delitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", raising=False)
    said = refused(inception_features, tmp_path / "weights.pth")
    assert said == "FID needs the package torch_fidelity, which is not here: pip install 'nvcodec[fid]'"


def test_a_torchvision_for_another_pytorch_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torch_fidelity.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch_fidelity"]:
        monkeypatch.delitem(sys.modules, name)
    assert "operator torchvision::nms does not exist" in refused(inception_features, tmp_path / "weights.pth")


def refused(features: Any, path: Path) -> str:
    """The one line that an error is."""
    with pytest.raises(NvcodecError) as failure:
        features(path)
    assert "\n" not in str(failure.value)
    return str(failure.value)
