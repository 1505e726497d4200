"""The feature network: shapes, sizes that are refused, and that it learns what moves and what is moved."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.errors import NvcodecError
from nvcodec.understand.feature_network import FeatureConfig, FeatureNetwork, judge

CLASSES = ("bar-left", "bar-right", "box-left", "box-right")
SMALL = FeatureConfig(CLASSES, frames=5, size=32, width=8, features=16)


def moving_shapes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Clips `[count, 6, 5, 16, 16]` of a bright bar or box that moves over noise, and their classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % len(CLASSES)
    clips = 0.1 * torch.randn(count, 6, 5, 16, 16, generator=generator)
    for clip, label in zip(clips, labels.tolist(), strict=True):
        high = 9 if label < 2 else 3
        row, begin = torch.randint(0, 16 - high, (2,), generator=generator).tolist()
        for time in range(5):
            column = min(12, begin // 2 + 2 * (time if label % 2 else 4 - time))
            clip[:4, time, row : row + high, column : column + 3] += 0.8
    return clips, labels


def test_it_learns_what_moves_and_where() -> None:
    torch.manual_seed(1)
    network = FeatureNetwork(SMALL)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    clips, labels = moving_shapes(256, 1)
    for step in range(120):
        part = torch.arange(32) + 32 * (step % 8)
        optimizer.zero_grad()
        F.cross_entropy(network(clips[part]), labels[part]).backward()
        optimizer.step()
    seen, wanted = moving_shapes(64, 2)
    _, probabilities = judge(network.eval(), seen)
    assert float((probabilities.argmax(1) == wanted).float().mean()) > 0.9


def test_it_begins_as_one_that_sees_every_frame_by_itself() -> None:
    torch.manual_seed(4)
    network = FeatureNetwork(SMALL)
    still = torch.randn(3, 6, 1, 16, 16)
    one, repeated = network(still), network(still.expand(-1, -1, 5, -1, -1))
    assert torch.allclose(one, repeated, atol=1e-4) and not torch.allclose(one[0], one[1], atol=1e-2)


def test_features_and_probabilities_are_of_each_clip_alone_however_they_are_batched() -> None:
    torch.manual_seed(2)
    network = FeatureNetwork(SMALL).eval()
    clips, _ = moving_shapes(7, 3)
    features, probabilities = judge(network, clips)
    assert features.shape == (7, 16) and probabilities.shape == (7, 4)
    assert torch.allclose(probabilities.sum(1), torch.ones(7))
    again, _ = judge(network, clips, batch=2)
    assert torch.allclose(features, again, atol=1e-5)
    assert not torch.allclose(features[0], features[1], atol=1e-3)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"classes": ("one",)}, "classes"),
        ({"classes": ("a", "a")}, "classes"),
        ({"frames": 16}, "frames"),
        ({"size": 24}, "frames"),
        ({"width": 12}, "width"),
        ({"features": 1}, "features"),
    ],
)
def test_sizes_that_no_network_has_are_refused(sizes: dict[str, object], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        FeatureConfig(**({"classes": CLASSES} | sizes))  # type: ignore[arg-type]
