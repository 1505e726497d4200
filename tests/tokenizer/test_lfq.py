"""Signs, tokens, and the terms that keep a vocabulary in use."""

from __future__ import annotations

from itertools import product
from math import exp, log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nvcodec.tokenizer.lfq import (
    INDEX_BITS,
    LfqConfig,
    commitment_loss,
    entropy_penalty,
    entropy_weight,
    pack,
    quantize,
    regularizer,
    unpack,
)


def latents(*shape: int, scale: float = 1.0, seed: int = 0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def entropy_penalty_by_definition(latent: list[list[float]], temperature: float) -> float:
    """E[H(q(z))] − H[E(q(z))] by a walk over all corners, distances and all."""
    corners = list(product((-1.0, 1.0), repeat=len(latent[0])))
    each, average = 0.0, [0.0] * len(corners)
    for z in latent:
        weights = [exp(-sum((a - b) ** 2 for a, b in zip(z, c, strict=True)) / temperature) for c in corners]
        q = [weight / sum(weights) for weight in weights]
        each -= sum(p * log(p) for p in q) / len(latent)
        average = [p + new / len(latent) for p, new in zip(average, q, strict=True)]
    return each + sum(p * log(p) for p in average)


def test_quantize_gives_exactly_plus_and_minus_one_and_minus_for_zero() -> None:
    latent = torch.cat([latents(1000, 18).float().flatten(), torch.tensor([0.0, -0.0, 1e-30, -1e-30, 3e38])])
    signs = quantize(latent.requires_grad_())
    assert set(signs.tolist()) == {-1.0, 1.0}
    assert torch.equal(signs > 0, latent > 0)


def test_the_gradient_passes_straight_through_the_signs() -> None:
    latent = latents(5, 18).requires_grad_()
    weights = latents(5, 18, seed=1)
    (quantize(latent) * weights).sum().backward()
    assert latent.grad is not None and torch.equal(latent.grad, weights)


def test_dimension_0_is_the_least_significant_bit_of_the_token() -> None:
    assert pack(torch.tensor([0.5, -2.0, 0.1, -1.0])).item() == 0b0101
    assert [pack(row).item() for row in 2 * torch.eye(18) - 1] == [1 << i for i in range(18)]


def test_18_planes_make_a_vocabulary_of_262144_tokens_all_of_which_come_back() -> None:
    tokens = torch.arange(2**18)
    signs = unpack(tokens, 18)
    assert signs.shape == (2**18, 18) and bool((signs.abs() == 1).all())
    assert torch.equal(pack(signs), tokens)


@given(st.integers(1, INDEX_BITS).flatmap(lambda dims: st.tuples(st.just(dims), st.integers(0, 2**dims - 1))))
def test_any_token_of_any_length_survives_unpacking_and_packing(case: tuple[int, int]) -> None:
    dims, token = case
    assert pack(unpack(torch.tensor([[token]]), dims)).tolist() == [[token]]


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=INDEX_BITS))
def test_a_latent_its_signs_and_its_token_say_the_same(values: list[float]) -> None:
    latent = torch.tensor(values)
    assert torch.equal(pack(latent), pack(torch.where(latent > 0, 1.0, -1.0)))
    finite = latent.nan_to_num()
    assert torch.equal(unpack(pack(finite), len(values)), quantize(finite))


@pytest.mark.parametrize("index", [-1, 2**18])
def test_a_token_outside_the_vocabulary_is_an_error(index: int) -> None:
    with pytest.raises(ValueError, match="not in 0…262143"):
        unpack(torch.tensor([0, index]), 18)


def test_more_bits_than_an_index_holds_are_an_error() -> None:
    with pytest.raises(ValueError, match="1 to 62 bits, not 63"):
        pack(torch.zeros(63))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_with_one_group_the_entropy_penalty_is_that_of_the_definition(temperature: float) -> None:
    latent = latents(7, 5)
    expected = entropy_penalty_by_definition(latent.tolist(), temperature)
    assert entropy_penalty(latent, 1, temperature).item() == pytest.approx(expected, rel=1e-10)


@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.5, 2.0]))
def test_more_groups_only_overrate_how_much_of_the_vocabulary_is_in_use(seed: int, scale: float) -> None:
    latent = latents(9, 6, scale=scale, seed=seed)
    exact, two, three, bits = (entropy_penalty(latent, groups, 1.0).item() for groups in (1, 2, 3, 6))
    assert exact >= max(two, three) - 1e-12
    assert min(two, three) >= bits - 1e-12


def test_bits_that_copy_each_other_are_seen_within_a_group_and_not_across() -> None:
    both = torch.tensor([[3.0, 3.0], [-3.0, -3.0]], dtype=torch.float64)  # two of four tokens in use
    assert entropy_penalty(both, 1).item() == pytest.approx(-log(2))
    assert entropy_penalty(both, 2).item() == pytest.approx(-2 * log(2))


def test_the_penalty_is_least_for_sure_positions_that_use_every_token_and_zero_for_one_token() -> None:
    every = unpack(torch.arange(2**6), 6, torch.float64)
    assert entropy_penalty(every, 1).item() == pytest.approx(-6 * log(2))
    assert entropy_penalty(every[:1].expand(10, -1), 1).item() == pytest.approx(0, abs=1e-12)


def test_the_penalty_of_the_whole_vocabulary_is_finite_and_moves_the_undecided() -> None:
    latent = (0.01 * latents(64, 18)).float().requires_grad_()
    penalty = regularizer(latent)
    penalty.backward()
    assert latent.grad is not None
    assert bool(penalty.isfinite()) and bool(latent.grad.isfinite().all()) and bool((latent.grad != 0).all())


def test_the_penalty_of_latents_far_from_zero_is_finite_in_float32() -> None:
    latent = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    penalty = entropy_penalty(latent, 1)
    penalty.backward()
    assert penalty.item() == pytest.approx(-log(2), rel=1e-6)
    assert latent.grad is not None and bool(latent.grad.isfinite().all())


def test_groups_that_do_not_divide_the_dimensions_are_an_error() -> None:
    with pytest.raises(ValueError, match="18 dimensions do not fall into 4 groups"):
        entropy_penalty(latents(2, 18), 4)


def test_commitment_pulls_a_latent_to_its_own_signs() -> None:
    latent = torch.tensor([0.25, -3.0], requires_grad=True)
    loss = commitment_loss(latent)
    loss.backward()
    assert loss.item() == pytest.approx((0.75**2 + 2**2) / 2)
    assert latent.grad is not None and latent.grad.tolist() == [-0.75, -2.0]


def test_the_entropy_weight_falls_from_three_times_to_once_in_2000_steps() -> None:
    config = LfqConfig()
    weights = [entropy_weight(config, step) for step in (0, 1000, 2000, 10**6)]
    assert weights == pytest.approx([0.3, 0.2, 0.1, 0.1])


def test_the_regularizer_is_the_weighted_sum_of_its_terms() -> None:
    latent, config = latents(11, 18, scale=0.01), LfqConfig(groups=3, temperature=0.1)
    expected = 0.2 * entropy_penalty(latent, 3, 0.1) + 0.25 * commitment_loss(latent)
    assert regularizer(latent, config, 1000).item() == pytest.approx(expected.item())
