"""Priors, levels and ports for the tests: the same on every machine, whatever its random numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from nvcodec.bitstream import BitDecoder, encode_groups
from torch import Tensor

from nvcodec.prior.coding import LatentCoder
from nvcodec.prior.cumulative import make_tables
from nvcodec.prior.transformer import Prior, PriorConfig
from nvcodec.prior.walk import dimension_groups

SMALL = PriorConfig(latent_dims=10, token_dims=4, width=32, motion_width=8)
TABLES = make_tables()
FIRST_BOOST = 6


def numbers(count: int, seed: int) -> np.ndarray:
    """[count] uint64, SplitMix64 (Steele, Lea, Flood 2014) of `seed` and what follows it."""
    with np.errstate(over="ignore"):
        z = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def integers(low: int, high: int, shape: tuple[int, ...], seed: int) -> Tensor:
    """int32 in low … high."""
    drawn = numbers(int(np.prod(shape)), seed) % np.uint64(high - low + 1)
    return torch.from_numpy(drawn.astype(np.int32)).reshape(shape) + low


def real_prior(config: PriorConfig = PriorConfig(), seed: int = 0) -> Prior:
    """A prior in training form, lively: its distributions differ from place to place."""
    prior = Prior(config)
    with torch.no_grad():
        for number, (name, parameter) in enumerate(prior.named_parameters()):
            drawn = integers(-1000, 1000, tuple(parameter.shape), 1000 * seed + number).float() / 1000
            size = 1.7 / parameter.shape[-1] ** 0.5 if name.endswith("weight") else 0.5
            parameter.copy_(drawn * size * (0.5 if "head" in name else 1.0))
    return prior


def frozen_prior(config: PriorConfig = PriorConfig(), seed: int = 0) -> Prior:
    """The same, as it codes."""
    prior = real_prior(config, seed)
    prior.freeze()
    return prior


def sparse_levels(
    config: PriorConfig, counts: tuple[int, ...], latents: int, size: tuple[int, int], seed: int = 0
) -> Tensor:
    """[latents, h·w, columns] int32, a fifth not zero, as large as the counts (5 or 10) allow; signs without counts."""
    groups = dimension_groups(config.latent_dims, config.token_dims)
    shape = (latents, size[0] * size[1], groups[-1].stop)
    levels = torch.zeros(shape, dtype=torch.int32)
    if not counts:
        tokens = groups[1]
        levels[..., tokens] = 2 * integers(0, 1, (*shape[:2], tokens.stop - tokens.start), seed) - 1
        return levels
    if len(counts) > len(groups):
        first = sparse_levels(config, counts[: len(groups)], 1, size, seed)
        return torch.cat([first, sparse_levels(config, counts[len(groups) :], latents, size, seed)[1:]])
    for number, (group, count) in enumerate(zip(groups, counts, strict=True)):
        part = (*shape[:2], group.stop - group.start)
        present = integers(0, 4, part, seed + 10 + number) == 0
        levels[..., group] = present * integers(1 - (1 << count), (1 << count) - 1, part, seed + 20 + number)
    levels[0, :, groups[0]] = 0
    return levels


@dataclass
class Tape:
    """A port that keeps everything that passes: encodes, or, with a payload, decodes."""

    payload: bytes | None = None
    calls: list[tuple[str, np.ndarray, np.ndarray]] = field(default_factory=list)  # plane, p, bits

    def __post_init__(self) -> None:
        self.decoder = None if self.payload is None else BitDecoder(self.payload)

    def begin(self, positions: Tensor, dims: slice) -> None:
        pass

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        assert p.dtype == torch.int32 and len(where) == len(p)
        asked = p.numpy().astype(np.uint16)
        if self.decoder is not None:
            assert bits is None
            bits = torch.from_numpy(self.decoder.decode(asked)).bool()
        assert bits is not None
        self.calls.append((plane, asked, bits.numpy().astype(np.uint8)))
        return bits

    def encoded(self) -> bytes:
        return encode_groups([(bits, p) for _, p, bits in self.calls])

    def probabilities(self) -> np.ndarray:
        return np.concatenate([p for _, p, _ in self.calls])

    def same_as(self, other: Tape) -> bool:
        """Whether every plane had the same name, probabilities and bits."""
        return len(self.calls) == len(other.calls) and all(
            a[0] == b[0] and np.array_equal(a[1], b[1]) and np.array_equal(a[2], b[2])
            for a, b in zip(self.calls, other.calls, strict=True)
        )


def quality_at(quality: int, index: int) -> int:
    return min(100, quality + FIRST_BOOST) if quality and index == 0 else quality


def encoded(
    prior: Prior, levels: Tensor, size: tuple[int, int], counts: tuple[int, ...], quality: int
) -> Tape:
    coder, tape = LatentCoder(prior, TABLES, *size, counts), Tape()
    for index, level in enumerate(levels):
        assert torch.equal(coder.code(tape, quality_at(quality, index), level), level)
    return tape


def decoded(
    prior: Prior, payload: bytes, latents: int, size: tuple[int, int], counts: tuple[int, ...], quality: int
) -> tuple[Tensor, Tape]:
    coder, tape = LatentCoder(prior, TABLES, *size, counts), Tape(payload)
    levels = [coder.code(tape, quality_at(quality, index), None) for index in range(latents)]
    assert tape.decoder is not None and tape.decoder.at_end()
    return torch.stack(levels), tape
