"""What a place is told of those around it."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from nvcodec.errors import NvcodecError
from nvcodec.generate.config import LmConfig
from nvcodec.generate.neighbours import AROUND, BEFORE, Neighbours, near_places
from nvcodec.generate.transformer import TokenTransformer

GRID = (2, 3, 4)
COUNT = 24


def test_the_neighbours_of_a_place_come_before_it_and_none_is_outside_the_grid() -> None:
    places = near_places(GRID, BEFORE)
    assert places.shape == (COUNT, len(BEFORE))
    assert bool(((places < torch.arange(COUNT)[:, None]) | (places == COUNT)).all())
    assert places[0].tolist() == [COUNT] * len(BEFORE)
    # row 1, column 1 of the second latent frame: the same place, below, above, right and left of it in the first; then
    # above and to the right of that in its own
    here = 12 + 4 + 1
    own = here - 12
    assert places[here].tolist() == [own, own - 4, own + 4, own - 1, own + 1, here - 4, here - 3]


def test_around_a_place_are_those_before_it_first_and_what_is_opposite_to_them() -> None:
    assert AROUND[: len(BEFORE)] == BEFORE and len(set(AROUND)) == len(AROUND) == 18
    assert {(-time, -row, -column) for time, row, column in AROUND} == set(AROUND)
    places = near_places((3, 3, 3), AROUND)
    middle = 9 + 4
    own, before, after = set(range(9, 18)) - {middle}, {1, 3, 4, 5, 7}, {19, 21, 22, 23, 25}
    assert set(places[middle].tolist()) == own | before | after


def test_places_that_were_asked_for_without_gradients_serve_training() -> None:
    grid = (1, 2, 5)
    with torch.inference_mode():
        near_places(grid, BEFORE)
    neighbours = Neighbours(8)
    neighbours(torch.ones(1, 10, 8), grid).sum().backward()
    assert neighbours.mix.weight.grad is not None


def test_a_neighbour_says_what_it_is_wherever_it_stands() -> None:
    torch.manual_seed(1)
    neighbours = Neighbours(8)
    embedded = torch.zeros(1, COUNT, 8)
    embedded[0, 5] = 1.0
    told = neighbours(embedded, GRID)[0]
    reached = [place for place in range(COUNT) if 5 in near_places(GRID, BEFORE)[place].tolist()]
    assert told.abs().amax(-1).nonzero().flatten().tolist() == reached
    other = torch.roll(embedded, 1, dims=1)
    torch.testing.assert_close(neighbours(other, GRID)[0, 12 + 6], told[12 + 5])


def test_without_neighbours_there_is_no_matrix_for_them() -> None:
    config = LmConfig(grid=GRID, classes=2, width=16, layers=1, heads=1)
    with_them = TokenTransformer(dataclasses.replace(config, neighbours=True))
    extra = set(with_them.state_dict()) - set(TokenTransformer(config).state_dict())
    assert extra == {"neighbours.mix.weight"}
    with pytest.raises(NvcodecError, match="only where its neighbours are"):
        dataclasses.replace(config, around=True)
