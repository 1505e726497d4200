"""Distributions to bits and back: nothing impossible, nothing lost, planes that cost what levels should."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.prior.cumulative import LEVELS, RAMP, CoderTables, Cumulative, probability
from nvcodec.prior.distribution import LOCATION_MAX, SCALES, TAIL_WEIGHTS, level_bits
from nvcodec.prior.planes import code_levels, code_signs

from .support import TABLES, Tape, integers

CODER = CoderTables.of(TABLES)
ONE = 1 << 16

locations = st.integers(-LOCATION_MAX, LOCATION_MAX) | st.integers(-40, 40)
parameters = st.tuples(locations, st.integers(0, SCALES - 1), st.integers(0, TAIL_WEIGHTS))


def cumulative(many: list[tuple[int, int, int]]) -> Cumulative:
    location, scale, tail = torch.tensor(many, dtype=torch.int32).reshape(-1, 3).unbind(1)
    return Cumulative.of((location, scale, tail), CODER)


@st.composite
def coded(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, int]], list[int]]:
    planes = draw(st.integers(0, 8))
    level = st.just(0) | st.integers(1 - (1 << planes), (1 << planes) - 1)
    pairs = draw(st.lists(st.tuples(parameters, level), max_size=30))
    return planes, [p for p, _ in pairs], [v for _, v in pairs]


@given(coded())
def test_levels_pass_the_real_coder_whatever_their_distributions(
    case: tuple[int, list[tuple[int, int, int]], list[int]],
) -> None:
    planes, many, values = case
    levels, writer = torch.tensor(values, dtype=torch.int32), Tape()
    assert torch.equal(code_levels(cumulative(many), planes, writer, levels), levels)
    reader = Tape(writer.encoded())
    assert torch.equal(code_levels(cumulative(many), planes, reader, None), levels)
    assert reader.decoder is not None and reader.decoder.at_end()
    assert reader.same_as(writer)


@given(st.lists(st.tuples(parameters, st.sampled_from([-1, 1])), max_size=30))
def test_signs_pass_the_real_coder(pairs: list[tuple[tuple[int, int, int], int]]) -> None:
    many, levels = cumulative([p for p, _ in pairs]), torch.tensor([v for _, v in pairs], dtype=torch.int32)
    writer = Tape()
    assert torch.equal(code_signs(many, writer, levels), levels)
    assert torch.equal(code_signs(many, Tape(writer.encoded()), None), levels)


def test_every_level_has_a_mass_of_its_own_under_every_distribution() -> None:
    """All tails, all scales, and locations at, between and beyond the levels."""
    spots = torch.cat([torch.arange(-24, 25), torch.tensor([-LOCATION_MAX, -1000, 999, LOCATION_MAX])])
    grid = torch.cartesian_prod(spots, torch.arange(SCALES), torch.arange(TAIL_WEIGHTS + 1)).int()
    location, scale, tail = grid.unbind(1)
    all_of = Cumulative.of((location, scale, tail), CODER)
    low = all_of.below(-LEVELS)
    assert low.min() >= 0
    for level in range(1 - LEVELS, LEVELS + 1):
        high = all_of.below(level)
        assert (high - low).min() >= RAMP
        low = high
    assert low.max() <= (1 << 24) + 2 * LEVELS * RAMP


@given(parameters, st.integers(1, 8), st.data())
def test_the_planes_of_a_level_cost_what_its_mass_says(
    one: tuple[int, int, int], planes: int, data: st.DataObject
) -> None:
    """Each bit's probability is within 1/2¹⁶ of the true share, so the true product lies between these."""
    level = data.draw(st.integers(1 - (1 << planes), (1 << planes) - 1))
    many, tape = cumulative([one]), Tape()
    code_levels(many, planes, tape, torch.tensor([level], dtype=torch.int32))
    least = most = Fraction(1)
    for p, bits in ((p, bits) for _, p, bits in tape.calls if len(p)):
        happened = Fraction(int(p[0]) if bits[0] else ONE - int(p[0]), ONE)
        least *= max(Fraction(0), happened - Fraction(1, ONE))
        most *= happened + Fraction(1, ONE)
    mass, low, high = (int(many.below(v)) for v in (level + 1, 1 - (1 << planes), 1 << planes))
    true = Fraction(mass - int(many.below(level)), high - low)
    assert least <= true <= most


@given(st.integers(0, 1 << 25), st.integers(1, 1 << 25))
def test_a_probability_is_the_floor_of_the_exact_share(part: int, whole: int) -> None:
    part = min(part, whole)
    p = probability(torch.tensor([part], dtype=torch.int32), torch.tensor([whole], dtype=torch.int32))
    assert p.tolist() == [min(ONE - 1, max(1, part * ONE // whole))]


def test_a_share_next_to_a_whole_number_of_2_to_the_minus_16_is_not_rounded_to_it() -> None:
    whole = integers((1 << 24) - 5000, (1 << 24) + 1000, (20_000,), 3).to(torch.int64)
    step = integers(2, ONE - 2, (20_000,), 4).to(torch.int64)
    for off in (-1, 0, 1):
        part = whole * step // ONE + off
        p = probability(part.to(torch.int32), whole.to(torch.int32))
        assert torch.equal(p.to(torch.int64), part * ONE // whole)


@pytest.mark.parametrize("scale", [8, 20, 35])
def test_the_integers_agree_with_the_distribution_that_training_knows(scale: int) -> None:
    """Where levels are likely: below a hundredth of a bit apart on average."""
    location = integers(-40, 40, (4000,), 5)
    tail, level = integers(0, TAIL_WEIGHTS, (4000,), 6), integers(-3, 3, (4000,), 7)
    scales = torch.full_like(location, scale)
    many = Cumulative.of((location, scales, tail), CODER)
    mass = (many.below(level + 1) - many.below(level)).double() / (1 << 24)
    real = level_bits(level.double(), (location.double(), scales.double(), tail.double()))
    likely = mass > 2.0**-12
    assert likely.float().mean() > 0.3
    assert (-torch.log2(mass) - real)[likely].abs().mean() < 0.02


def test_a_block_without_planes_has_no_bits() -> None:
    tape = Tape()
    levels = code_levels(cumulative([(3, 4, 5), (1, 2, 3)]), 0, tape, None)
    assert levels.tolist() == [0, 0]
    assert tape.calls == []


def test_planes_are_named_and_placed_for_those_who_look() -> None:
    places: list[tuple[str, list[int]]] = []

    class Watching(Tape):
        def __call__(
            self, p: torch.Tensor, bits: torch.Tensor | None, plane: str, where: torch.Tensor
        ) -> torch.Tensor:
            places.append((plane, where.tolist()))
            return super().__call__(p, bits, plane, where)

    code_levels(cumulative([(0, 20, 4)] * 4), 2, Watching(), torch.tensor([0, -3, 1, 2], dtype=torch.int32))
    assert places == [
        ("significance 1", [0, 1, 2, 3]),
        ("sign", [1, 3]),
        ("significance 0", [0, 2]),
        ("sign", [2]),
        ("refinement 0", [1, 3]),
    ]
    assert np.all([w == sorted(w) for _, w in places])
