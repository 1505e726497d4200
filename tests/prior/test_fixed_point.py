"""The claims that the exact arithmetic rests on."""

from __future__ import annotations

import math

import pytest
import torch

from nvcodec.prior.attention import HEAD_DIMS, OUTSIDE, SCORE_STEP, TABLE, exponential_table
from nvcodec.prior.fixed_point import ACTIVATION_SCALE, BIAS_MAX, INT8, MAX_TERMS, compand, scaled_down
from nvcodec.prior.linear import IntLinear, int8_is_exact, int8_product
from nvcodec.prior.motion import moved_along

from .support import integers


@pytest.mark.parametrize("bits", [3, 4, 7, 9])
def test_shifted_integers_and_rounded_floats_are_the_same(bits: int) -> None:
    x = torch.cat([integers(-(2**24) + 600, 2**24 - 600, (100_000,), bits), torch.arange(-2000, 2000)])
    x = x.to(torch.int32)
    assert torch.equal(scaled_down(x.float(), bits), scaled_down(x, bits).float())
    assert scaled_down(x, bits).tolist()[:50] == [math.floor(v / 2**bits + 0.5) for v in x.tolist()[:50]]


def test_the_quotient_of_attention_rounds_as_whole_numbers_do() -> None:
    """For every sum of weights there can be, at the three numerators around every half within ±127."""
    halves = torch.arange(-2 * INT8 + 1, 2 * INT8, 2)  # in halves
    for sums in torch.arange(TABLE - 1, (TABLE - 1) * 64 + 1).split(2000):
        near = (sums[:, None] * halves)[..., None] // 2 + torch.arange(-1, 2)
        exact = (2 * near + sums[:, None, None]) // (2 * sums[:, None, None])
        assert torch.equal(torch.floor(near.float() / sums[:, None, None].float() + 0.5).long(), exact)


def test_no_logarithm_of_companding_is_near_a_rounding_boundary() -> None:
    real = [ACTIVATION_SCALE * math.log2(1 + v) for v in range(INT8 + 1)]
    assert min(abs(x - math.floor(x) - 0.5) for x in real) > 0.001
    assert compand(torch.arange(INT8 + 1)).tolist() == [math.floor(x + 0.5) for x in real]


def test_companding_is_odd_saturates_and_is_the_same_in_every_type() -> None:
    levels = torch.arange(-255, 256, dtype=torch.int32)
    whole = compand(levels)
    assert whole.dtype == torch.int8
    assert torch.equal(whole, -compand(-levels))
    assert whole.abs().max() == compand(torch.tensor([INT8])).item() == 112
    assert torch.equal(compand(levels.float()), whole.float())
    within = levels.clamp(-INT8, INT8).to(torch.int8)
    assert torch.equal(compand(within), whole)


def test_levels_that_straight_through_left_a_little_off_count_as_whole() -> None:
    levels = torch.arange(-20.0, 21.0)
    assert torch.equal(compand(levels * (1 - 1e-6)), compand(levels))


def test_no_key_beyond_the_grid_gets_a_weight_however_low_the_scores_within() -> None:
    widest = 2 * (HEAD_DIMS * INT8**2 + BIAS_MAX)
    assert -OUTSIDE - widest >= SCORE_STEP * (TABLE - 1)
    assert exponential_table()[-1] == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_sums_are_exact(sign: int) -> None:
    a = torch.full((70, MAX_TERMS), INT8, dtype=torch.int8)
    weight = torch.full((9, MAX_TERMS), sign * INT8, dtype=torch.int8)
    assert int8_product(a, weight).unique().tolist() == [sign * MAX_TERMS * INT8**2]


@pytest.mark.parametrize("rows", [1, 2, 17, 225, 1024])
@pytest.mark.parametrize(("inputs", "outputs"), [(12, 128), (72, 4), (162, 18), (576, 128), (128, 138)])
def test_a_product_is_exact_whichever_way_it_is_computed(rows: int, inputs: int, outputs: int) -> None:
    a, weight = (integers(-INT8, INT8, (n, inputs), n).to(torch.int8) for n in (rows, outputs))
    exact = (a.double() @ weight.double().T).to(torch.int32)
    assert torch.equal(int8_product(a, weight), exact)
    assert isinstance(int8_is_exact(), bool)


def test_more_terms_than_float32_adds_exactly_are_refused() -> None:
    with pytest.raises(ValueError, match="not exact"):
        IntLinear(MAX_TERMS + 1, 4)


def test_freezing_keeps_weights_and_biases_within_their_bounds() -> None:
    layer = IntLinear(3, 2)
    with torch.no_grad():
        layer.weight.fill_(9.0)
        assert layer.bias is not None
        layer.bias.copy_(torch.tensor([1e6, -1e6]))
    layer.freeze()
    assert layer.weight.unique().tolist() == [INT8]
    assert layer.bias.tolist() == [BIAS_MAX, -BIAS_MAX]


def test_motion_reads_the_nearest_position_and_never_beyond_the_grid() -> None:
    h, w = 4, 5
    grid = torch.arange(h * w, dtype=torch.int32).reshape(1, h, w, 1)
    motion = integers(-255, 255, (1, h, w, 4), 0)
    moved = moved_along(grid, motion)
    for y in range(h):
        for x in range(w):
            right, down = (math.floor(int(m) / 16 + 0.5) for m in motion[0, y, x, :2])
            assert moved[0, y, x] == w * min(h - 1, max(0, y + down)) + min(w - 1, max(0, x + right))
