"""The inception-like score and class agreement, on cases whose values are known."""

from __future__ import annotations

import pytest
import torch

from nvcodec.understand.class_parts import ClassHead, parts_of
from nvcodec.understand.scores import agreement, inception_score

CLASSES = ("0-left", "0-up", "1-left", "1-up")


def test_the_score_goes_from_one_to_the_number_of_classes() -> None:
    assert inception_score(torch.eye(4).repeat(3, 1)) == pytest.approx(4)
    assert inception_score(torch.eye(4)[:1].repeat(9, 1)) == pytest.approx(1)  # sure, but always of the same
    assert inception_score(torch.full((7, 4), 0.25)) == pytest.approx(1)  # never sure


def test_the_score_is_the_exponential_of_the_mean_divergence() -> None:
    p = torch.tensor([[0.9, 0.1], [0.4, 0.6]]).double()
    mean = p.mean(0)
    divergence = (p * (p / mean).log()).sum(1).mean()
    assert inception_score(p) == pytest.approx(float(divergence.exp()))


def test_a_clip_of_the_right_part_counts_for_that_part_alone() -> None:
    judged = torch.eye(4)[[0, 1, 2, 0]]
    found = agreement(judged, torch.tensor([0, 0, 0, 3]), CLASSES)
    assert (found.whole, found.parts) == (0.25, (0.5, 0.5))  # digits right: 1st and 2nd; motions: 1st and 3rd


def test_a_part_is_judged_by_all_classes_that_have_it() -> None:
    judged = torch.tensor([[0.4, 0.0, 0.3, 0.3]])  # "0-left" is the likeliest class, and yet "1" the likelier digit
    found = agreement(judged, torch.tensor([2]), CLASSES)
    assert (found.whole, found.parts) == (0.0, (1.0, 1.0))


@pytest.mark.parametrize(
    "names", [("run", "well-done"), ("a-b", "a-c", "d-b"), ("x-1", "x-2"), ("walk", "run"), ("a-b-c", "a-b-d")]
)
def test_names_that_are_no_combinations_of_parts_are_whole(names: tuple[str, ...]) -> None:
    assert parts_of(names) == (names,)


def test_a_class_is_the_sum_of_its_parts() -> None:
    head = ClassHead(3, CLASSES)
    x = torch.randn(2, 3)
    zero, one, left, up = head.linear(x).unbind(1)
    assert torch.allclose(head(x), torch.stack([zero + left, zero + up, one + left, one + up], 1))
    assert ClassHead(3, ("run", "walk")).linear.out_features == 2
