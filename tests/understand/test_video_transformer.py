"""The video transformer: one network for tokens and pixels, and it learns from each."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.frames import GRID
from nvcodec.understand.video_transformer import PixelEmbedding, ProbeConfig, VideoTransformer

CLASSES = ("a", "b", "c")
PIXELS = ProbeConfig(CLASSES, frames=5, size=32, width=32, layers=1, heads=2, dropout=0.0)
BITS = dataclasses.replace(PIXELS, reads="bits", vocabulary=1 << 18, tokenizer="ab" * 32)
TABLE = dataclasses.replace(PIXELS, reads="table", vocabulary=100, tokenizer="cd" * 32)


def inputs(config: ProbeConfig, count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if config.reads == "pixels":
        return torch.randn(count, 6, config.frames, config.size // 2, config.size // 2, generator=generator)
    return torch.randint(config.vocabulary, (count, *config.grid), generator=generator)


@pytest.mark.parametrize("config", [PIXELS, BITS, TABLE], ids=lambda config: config.reads)
def test_it_learns_by_heart_from_whatever_it_reads(config: ProbeConfig) -> None:
    torch.manual_seed(1)
    network, x, labels = VideoTransformer(config), inputs(config, 12, 1), torch.arange(12) % 3
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
    assert network(x).argmax(1).tolist() == labels.tolist()


@pytest.mark.parametrize("config", [PIXELS, BITS, TABLE], ids=lambda config: config.reads)
def test_all_but_the_embedding_is_the_same_for_every_input(config: ProbeConfig) -> None:
    def sizes(of: ProbeConfig) -> dict[str, torch.Size]:
        state = VideoTransformer(of).state_dict()
        return {key: value.shape for key, value in state.items() if not key.startswith("embedding.")}

    assert sizes(config) == sizes(PIXELS)


def test_a_position_of_pixels_is_read_from_its_own_patch_alone() -> None:
    torch.manual_seed(1)
    embedding = PixelEmbedding(8)
    x = torch.randn(1, 6, 9, 16, 16)
    changed = x.clone()
    side = GRID // 2
    changed[:, :, 5:9, side : 2 * side, 2 * side : 3 * side] += 1  # the third latent frame, row 1, column 2
    different = (embedding(x) != embedding(changed)).any(-1)[0]
    assert different.nonzero().tolist() == [[2, 1, 2]]


def test_tokens_may_come_in_a_row() -> None:
    network, tokens = VideoTransformer(BITS).eval(), inputs(BITS, 2, 5)
    assert torch.equal(network(tokens), network(tokens.flatten(1)))


def test_what_stands_elsewhere_or_later_is_told_apart() -> None:
    torch.manual_seed(3)
    network, tokens = VideoTransformer(TABLE).eval(), inputs(TABLE, 1, 6)
    for moved in (tokens.flip(1), tokens.flip(2), tokens.flip(3)):
        assert not torch.allclose(network(tokens), network(moved), atol=1e-4)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"reads": "words"}, "reads one of"),
        ({"vocabulary": 5}, "does not go with a vocabulary"),
        ({"reads": "bits", "vocabulary": 100}, "does not go with a vocabulary"),
        ({"reads": "table", "vocabulary": 1 << 30}, "does not go with a vocabulary"),
        ({"width": 30}, "heads divide"),
        ({"layers": 0}, "layers"),
        ({"dropout": 1.0}, "dropout"),
        ({"frames": 6}, "frames"),
    ],
)
def test_sizes_that_no_probe_has_are_refused(sizes: dict[str, object], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        dataclasses.replace(PIXELS, **sizes)  # type: ignore[arg-type]
