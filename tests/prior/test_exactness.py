"""However the prior's sums are grouped, carried or batched, they are the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.prior import attention, coding, fixed_point, linear, walk
from nvcodec.prior.distribution import Parameters
from nvcodec.prior.schedule import position_groups
from nvcodec.prior.transformer import Prior, PriorConfig
from nvcodec.tokenizer.conditioning import conditions
from nvcodec.tokenizer.motion import MOTION_DIMS

from .support import SMALL, Tape, decoded, encoded, frozen_prior, quality_at, real_prior, sparse_levels

COUNTS, QUALITY, SIZE, LATENTS = (3, 4, 3, 2, 1), 33, (11, 18), 3


def whole_pass(prior: Prior, levels: Tensor, size: tuple[int, int]) -> list[Tensor]:
    """Parameters [3, …] of every block in the order of coding, each from the true levels of all before it.

    The walk of training: float32, a latent frame in one go.
    """
    h, w = size
    grids = levels.reshape(len(levels), 1, h * w, -1).float()
    memory, out = prior.initial_memory(1, h, w), []
    for index, grid in enumerate(grids):
        condition = conditions(quality_at(QUALITY, index), first=index == 0)[None]
        motion, latent = grid.tensor_split([MOTION_DIMS], dim=-1)
        context = None
        if index:
            before = grids[index - 1]
            last = F.pad(before[..., :MOTION_DIMS], (0, 0, 0, 1))
            known = torch.zeros_like(last)
            for number, group in enumerate(position_groups(h, w)):
                out.append(joined(prior.motion(number, group, known, last, condition)))
                known[:, group.positions] = motion[:, group.positions]
            level = before[..., MOTION_DIMS:].reshape(1, h, w, -1)
            memory = prior.context(level, memory, motion.reshape(1, h, w, -1), condition)
            context = memory.flatten(1, 2)
        known = F.pad(torch.zeros_like(latent), (0, 0, 0, 1))
        for number, group in enumerate(position_groups(h, w)):
            here = latent[:, group.positions]
            parameters, stream = prior.reader.tokens(number, group, known, context, condition)
            out.append(joined(parameters))
            out.append(joined(prior.reader.rest(here[..., : prior.config.token_dims], stream)))
            known[:, group.positions] = here
    return out


def joined(parameters: Parameters) -> Tensor:
    return torch.stack(parameters)[:, 0].int()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The parameters [3, n, width] that coders have used so far."""
    kept: list[Tensor] = []
    of = coding.Cumulative.of

    def keep(parameters: Parameters, tables: coding.CoderTables) -> coding.Cumulative:
        kept.append(joined(parameters))
        return of(parameters, tables)

    monkeypatch.setattr(coding.Cumulative, "of", keep)
    return kept


@torch.no_grad()
@pytest.mark.parametrize("config", [SMALL, PriorConfig()])
def test_the_network_trained_is_the_network_that_codes(config: PriorConfig, seen: list[Tensor]) -> None:
    levels = sparse_levels(config, COUNTS, LATENTS, SIZE)
    whole = whole_pass(real_prior(config).eval(), levels, SIZE)
    payload = encoded(frozen_prior(config), levels, SIZE, COUNTS, QUALITY).encoded()
    seen.clear()
    read, _ = decoded(frozen_prior(config), payload, LATENTS, SIZE, COUNTS, QUALITY)
    assert torch.equal(read, levels)
    steps = iter(seen)
    for block in whole:
        step = next(steps)
        while step.shape[-1] < block.shape[-1]:  # the rest is coded in three parts
            step = torch.cat([step, next(steps)], dim=-1)
        assert torch.equal(step, block)
    assert next(steps, None) is None


def test_the_prior_of_these_tests_has_much_to_say(seen: list[Tensor]) -> None:
    levels = sparse_levels(PriorConfig(), COUNTS, LATENTS, SIZE)
    tape = encoded(frozen_prior(), levels, SIZE, COUNTS, QUALITY)
    assert len(np.unique(tape.probabilities())) > 5000
    for parameter, least in zip(zip(*seen, strict=True), (200, 25, 10), strict=True):
        assert len(torch.cat([p.flatten() for p in parameter]).unique()) > least


@torch.no_grad()
def test_a_batch_gives_what_each_gives_alone() -> None:
    prior, (h, w), b = frozen_prior(SMALL), (9, 12), 3
    levels = sparse_levels(SMALL, COUNTS, 2 * b, (h, w))[b:].reshape(b, h, w, -1)
    motion, level = levels.tensor_split([MOTION_DIMS], dim=-1)
    memory = sparse_levels(SMALL, (7,) * 5, b, (h, w), seed=5)[..., :1].expand(-1, -1, SMALL.width)
    memory = memory.reshape(b, h, w, -1).clamp(-127, 127).to(torch.int8)
    condition = torch.stack([conditions(q, first=False) for q in (0, 31, 100)]).to(torch.int8)
    known = F.pad(level.reshape(b, h * w, -1), (0, 0, 0, 1)).to(torch.int8)
    moved = F.pad(motion.reshape(b, h * w, -1), (0, 0, 0, 1)).to(torch.int8)
    group = position_groups(h, w)[3]

    def all_of(part: slice) -> list[Tensor]:
        context = prior.context(level[part], memory[part], motion[part], condition[part])
        found = context.flatten(1, 2)
        tokens, stream = prior.reader.tokens(3, group, known[part], found, condition[part])
        rest = prior.reader.rest(level[part].flatten(1, 2)[:, group.positions, : SMALL.token_dims], stream)
        return [
            context,
            *tokens,
            *rest,
            *prior.motion(3, group, known[part][..., :4], moved[part], condition[part]),
        ]

    alone = [all_of(slice(i, i + 1)) for i in range(b)]
    for together, parts in zip(all_of(slice(0, b)), zip(*alone, strict=True), strict=True):
        assert torch.equal(together, torch.cat(parts))


def in_small_parts(monkeypatch: pytest.MonkeyPatch, prior: Prior) -> None:
    monkeypatch.setattr(walk, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(fixed_point, "ROWS_AT_ONCE", 5)
    monkeypatch.setattr(attention, "WINDOWS_AT_ONCE", 1)


def in_float32(monkeypatch: pytest.MonkeyPatch, prior: Prior) -> None:
    monkeypatch.setattr(linear, "int8_is_exact", lambda: False)


def as_if_training(monkeypatch: pytest.MonkeyPatch, prior: Prior) -> None:
    prior.train()


@pytest.mark.parametrize("change", [in_small_parts, in_float32, as_if_training])
def test_nothing_about_how_it_is_computed_changes_a_bit(
    change: Callable[[pytest.MonkeyPatch, Prior], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    prior = frozen_prior(SMALL)
    levels = sparse_levels(SMALL, COUNTS, LATENTS, SIZE)
    tape = encoded(prior, levels, SIZE, COUNTS, QUALITY)
    change(monkeypatch, prior)
    read, other = decoded(prior, tape.encoded(), LATENTS, SIZE, COUNTS, QUALITY)
    assert torch.equal(read, levels)
    assert other.same_as(tape)


def test_autocast_changes_nothing() -> None:
    prior, levels = frozen_prior(SMALL), sparse_levels(SMALL, COUNTS, LATENTS, SIZE)
    plain = encoded(prior, levels, SIZE, COUNTS, QUALITY)
    with torch.autocast("cpu", torch.bfloat16):
        assert encoded(prior, levels, SIZE, COUNTS, QUALITY).same_as(plain)


def test_coding_first_leaves_training_possible() -> None:
    size = (6, 7)
    position_groups.cache_clear()
    with torch.inference_mode():
        encoded(frozen_prior(SMALL), sparse_levels(SMALL, COUNTS, 1, size), size, COUNTS, QUALITY)
    prior = real_prior(SMALL)
    context = torch.zeros(1, 42, SMALL.width, requires_grad=True)
    known = torch.zeros(1, 43, SMALL.latent_dims)
    condition = conditions(QUALITY, first=False)[None]
    (location, _, _), _ = prior.reader.tokens(3, position_groups(*size)[3], known, context, condition)
    location.sum().backward()
    assert context.grad is not None and context.grad.abs().sum() > 0


def test_a_changed_level_changes_no_probability_before_it() -> None:
    prior, levels = frozen_prior(SMALL), sparse_levels(SMALL, COUNTS, 1, SIZE)
    group = position_groups(*SIZE)[2]
    changed = levels.clone()
    changed[0, group.positions, MOTION_DIMS] = 7 - changed[0, group.positions, MOTION_DIMS].abs()
    plain, other = (encoded(prior, x, SIZE, COUNTS, QUALITY) for x in (levels, changed))
    assert plain.calls[0][1].shape == other.calls[0][1].shape
    before = 0
    while before < len(plain.calls) and np.array_equal(plain.calls[before][2], other.calls[before][2]):
        before += 1
    assert 0 < before < len(plain.calls)
    same = Tape(calls=plain.calls[:before]).same_as(Tape(calls=other.calls[:before]))
    assert same and np.array_equal(plain.calls[before][1], other.calls[before][1])
