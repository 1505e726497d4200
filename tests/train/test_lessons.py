"""What a language model is asked of a clip."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from nvcodec.generate.config import LmConfig
from nvcodec.generate.transformer import TokenTransformer
from nvcodec.train.lessons import draw_known, draw_lesson
from nvcodec.train.lm_config import LmTrainConfig

CONFIG = LmTrainConfig(frames=17, size=64)
MODEL = TokenTransformer(LmConfig(grid=CONFIG.grid, classes=3, width=16, layers=1, heads=1))
CLASSES = torch.zeros(2000, dtype=torch.int64)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_what_is_given_is_first_frames_or_both_ends_or_a_box_or_all_around_one() -> None:
    known = draw_known(CONFIG.grid, 2000, 0.4, generator()).reshape(-1, *CONFIG.grid)
    given = known[known.flatten(1).any(1)]
    assert len(given) / 2000 == pytest.approx(0.4, abs=0.05)
    whole = given.flatten(2).all(2)  # latent frames of which everything is given
    first = [n for n in (1, 2) if bool((whole.sum(1) == n).any())]
    assert first == [1, 2]
    prediction = (whole[:, 0] & ~whole[:, -1]) & (given.flatten(2).any(2) == whole).all(1)
    ends = whole[:, 0] & whole[:, -1] & ~whole[:, 1:-1].any(1)
    boxes = (given == given[:, :1]).flatten(1).all(1)
    assert bool((prediction | ends | boxes).all())
    shares = [float(kind.float().mean()) for kind in (prediction, ends, boxes)]
    assert shares == pytest.approx([0.6, 0.15, 0.25], abs=0.06)
    inside = given[boxes][:, 0, 0, 0] == given[boxes][:, 0, -1, -1]
    assert bool(inside.any())


def test_never_is_everything_given_and_what_is_given_is_never_masked() -> None:
    for grid in ((5, 8, 8), (1, 2, 2), (1, 1, 1), (2, 1, 3)):
        known = draw_known(grid, 300, 1.0, generator())
        assert not bool(known.all(1).any())
    _, masked = draw_lesson(CONFIG, MODEL, CLASSES, CONFIG.grid, generator())
    known = draw_known(CONFIG.grid, len(CLASSES), CONFIG.given_share, generator())
    assert masked is not None and not bool((masked & known).any()) and bool(masked.any(1).all())


def test_classes_are_left_out_more_often_where_something_else_is_given() -> None:
    known = draw_known(CONFIG.grid, len(CLASSES), CONFIG.given_share, generator()).any(1)
    classes, _ = draw_lesson(CONFIG, MODEL, CLASSES, CONFIG.grid, generator())
    left_out = (classes == MODEL.no_class).float()
    assert float(left_out[known].mean()) == pytest.approx(CONFIG.given_dropout, abs=0.06)
    assert float(left_out[~known].mean()) == pytest.approx(CONFIG.class_dropout, abs=0.03)


def test_the_next_token_is_asked_of_whole_clips() -> None:
    classes, masked = draw_lesson(
        dataclasses.replace(CONFIG, objective="next"), MODEL, CLASSES, CONFIG.grid, generator()
    )
    assert masked is None
    assert float((classes == MODEL.no_class).float().mean()) == pytest.approx(CONFIG.class_dropout, abs=0.03)
