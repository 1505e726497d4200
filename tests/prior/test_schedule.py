"""The groups of positions: every position once, neighbours where they should be, and known in time."""

from __future__ import annotations

import pytest
import torch

from nvcodec.prior.schedule import NEIGHBOURS, SPREAD, position_groups
from nvcodec.prior.walk import dimension_groups

SIZES = [(1, 1), (1, 7), (2, 2), (3, 5), (8, 8), (11, 6), (17, 18)]


@pytest.mark.parametrize(("h", "w"), SIZES)
def test_every_position_is_in_one_group_and_in_order_there(h: int, w: int) -> None:
    groups = position_groups(h, w)
    assert sorted(torch.cat([g.positions for g in groups]).tolist()) == list(range(h * w))
    assert all(g.positions.tolist() == sorted(g.positions.tolist()) for g in groups)


@pytest.mark.parametrize(("h", "w"), SIZES)
def test_neighbours_lie_at_their_distance_or_are_the_empty_position(h: int, w: int) -> None:
    for group, spread in zip(position_groups(h, w), SPREAD, strict=True):
        for index, distance in ((group.neighbours, spread), (group.around, 1)):
            for position, row in zip(group.positions.tolist(), index.tolist(), strict=True):
                y, x = divmod(position, w)
                places = [(y + distance * dy, x + distance * dx) for dy, dx in NEIGHBOURS]
                assert row == [ny * w + nx if 0 <= ny < h and 0 <= nx < w else h * w for ny, nx in places]


def test_all_but_the_first_group_have_known_neighbours_on_opposite_sides() -> None:
    h, w = 16, 24
    groups = position_groups(h, w)
    number = torch.full((h * w + 1,), len(groups))
    for index, group in enumerate(groups):
        number[group.positions] = index
    for index, group in enumerate(groups):
        inside = (group.neighbours < h * w).all(1)
        known = number[group.neighbours[inside]] < index
        if index:
            assert bool((known & known.flip(1)).any(1).all())
        else:
            assert not known.any()


@pytest.mark.parametrize(("latent", "token"), [(64, 18), (10, 4), (18, 18), (5, 4)])
def test_dimension_groups_are_motion_the_token_and_three_parts_of_the_rest(latent: int, token: int) -> None:
    groups = dimension_groups(latent, token)
    columns = [i for group in groups for i in range(group.start, group.stop)]
    assert columns == list(range(4 + latent))
    assert [(g.start, g.stop) for g in groups[:2]] == [(0, 4), (4, 4 + token)]
    assert len(groups) == 5
