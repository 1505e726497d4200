"""Samplers: a seed is a promise, what is known stays, and guidance leans towards the class."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.generate.known import both_ends, first_frames, inside_box, outside_box
from nvcodec.generate.sampling import SamplingConfig, draw_tokens, keep_likely, sample_masked, sample_next
from nvcodec.generate.transformer import TokenTransformer

from .test_transformer import CLASSES, GRID, SMALL, built, learn, some_tokens

BOTH = pytest.mark.parametrize("sample", [sample_masked, sample_next])


@pytest.fixture(scope="module", params=[sample_masked, sample_next])
def learnt(request: pytest.FixtureRequest) -> tuple[Callable[..., Tensor], TokenTransformer]:
    """A sampler with a model that knows one clip of each of two classes by heart."""
    model = built().train()
    learn(model, "masked" if request.param is sample_masked else "next", steps=150)
    return request.param, model.eval()


@BOTH
@pytest.mark.parametrize("guidance", [0.0, 1.5])
def test_the_same_seed_draws_the_same_tokens_and_another_draws_others(sample: Any, guidance: float) -> None:
    config = SamplingConfig(guidance=guidance, top_p=0.95)
    one, two, other = (sample(built(), CLASSES, GRID, config, seed) for seed in (3, 3, 4))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert one.shape == (2, 12) and one.dtype == torch.int64
    assert int(one.min()) >= 0 and int(one.max()) < 1 << 18


@BOTH
@pytest.mark.parametrize("known", [first_frames(GRID, 1), both_ends((3, 2, 2)), outside_box(GRID, (0, 8, 8, 8))])
def test_what_is_known_stays_and_the_rest_is_drawn(sample: Any, known: Tensor) -> None:
    tokens = some_tokens()
    drawn = sample(built(), CLASSES, GRID, known=known, tokens=tokens)
    assert torch.equal(drawn[:, known], tokens[:, known])
    assert not bool((drawn[:, ~known] == tokens[:, ~known]).all(1).any())


@pytest.mark.parametrize("steps", [1, 5, 12, 64])
def test_masked_decoding_takes_as_many_steps_as_were_asked_for_or_one_a_token(steps: int) -> None:
    seen: list[tuple[int, int]] = []
    config = SamplingConfig(steps=steps)
    sample_masked(built(), CLASSES, GRID, config, watch=lambda done, total: seen.append((done, total)))
    most = min(steps, 12)
    assert seen == [(step + 1, most) for step in range(most)]


def test_no_token_that_was_kept_is_drawn_again() -> None:
    model = built()
    inner, seen = model.all_at_once, []

    def spied(tokens: Tensor, masked: Tensor, classes: Tensor, grid: Any) -> Tensor:
        seen.append((tokens.clone(), masked.clone()))
        return inner(tokens, masked, classes, grid)

    model.all_at_once = spied  # type: ignore[method-assign]
    last = sample_masked(model, CLASSES, GRID, SamplingConfig(steps=6))
    for (tokens, masked), (after, still) in zip(seen, [*seen[1:], (last, torch.zeros_like(last).bool())], strict=True):
        assert bool((still <= masked).all()) and int(still.sum()) < int(masked.sum())
        assert torch.equal(tokens[~masked], after[~masked])
        counts = masked.sum(1).tolist()
        assert counts[0] == counts[1]
    assert int(seen[0][1].sum()) == 24


def test_a_model_that_knows_a_clip_draws_that_of_the_class(learnt: tuple[Any, TokenTransformer]) -> None:
    sample, model = learnt
    config = SamplingConfig(temperature=0.0, choice=0.0, steps=1)  # it learnt to draw all at once
    assert torch.equal(sample(model, CLASSES, GRID, config), some_tokens())
    assert torch.equal(sample(model, CLASSES.flip(0), GRID, config), some_tokens().flip(0))


def test_guidance_grows_along_its_schedule() -> None:
    def along(schedule: str | None, usual: str = "linear") -> list[float]:
        return [SamplingConfig(guidance=2.0, schedule=schedule).guidance_at(share, usual) for share in (0.0, 0.5, 1.0)]

    assert along("linear", "constant") == along(None) == [0.0, 1.0, 2.0]
    assert along("constant") == along(None, "constant") == [2.0, 2.0, 2.0]
    assert along("cosine") == pytest.approx([0.0, 2 - 2**0.5, 2.0])


@pytest.mark.parametrize(
    ("sample", "usual", "other"), [(sample_masked, "linear", "constant"), (sample_next, "constant", "linear")]
)
def test_each_objective_has_its_usual_schedule(sample: Any, usual: str, other: str) -> None:
    config = SamplingConfig(temperature=0.0, choice=0.0, steps=4, guidance=20.0)
    configs = [dataclasses.replace(config, schedule=schedule) for schedule in (None, usual, other)]
    unsaid, said, unlike = (sample(built(), CLASSES, GRID, each) for each in configs)
    assert torch.equal(unsaid, said) and not torch.equal(unsaid, unlike)


@BOTH
def test_a_strong_guidance_changes_what_is_drawn(sample: Any) -> None:
    plain = SamplingConfig(temperature=0.0, choice=0.0, steps=4)
    strong = dataclasses.replace(plain, guidance=20.0, schedule="constant")
    assert not torch.equal(sample(built(), CLASSES, GRID, plain), sample(built(), CLASSES, GRID, strong))


def test_unlikely_parts_are_never_drawn() -> None:
    logits = torch.tensor([0.5, 0.25, 0.15, 0.1]).log()
    assert torch.isfinite(keep_likely(logits, 0, 1.0)).tolist() == [True] * 4
    assert torch.isfinite(keep_likely(logits, 2, 1.0)).tolist() == [True, True, False, False]
    assert torch.isfinite(keep_likely(logits, 0, 0.6)).tolist() == [True, True, False, False]
    assert torch.isfinite(keep_likely(logits, 0, 0.01)).tolist() == [True, False, False, False]
    # of the three that are left the first two have 0.83
    assert torch.isfinite(keep_likely(logits.flip(0), 3, 0.8)).tolist() == [False, False, True, True]


def test_draws_are_as_frequent_as_they_are_likely() -> None:
    model = TokenTransformer(dataclasses.replace(SMALL, token_bits=2, factors=2))
    torch.nn.init.normal_(model.vocabulary.table, generator=torch.Generator().manual_seed(3))
    state = torch.randn(SMALL.width, generator=torch.Generator().manual_seed(2)) / 8
    found, probability = draw_tokens(model, state.expand(20000, -1), 1.0, torch.Generator().manual_seed(1))
    wanted = model.vocabulary.log_probability(state.expand(4, -1), torch.arange(4)).detach()
    assert torch.bincount(found, minlength=4) / 20000 == pytest.approx(wanted.exp(), abs=0.015)
    torch.testing.assert_close(probability.detach(), wanted[found])


def test_boxes_are_of_whole_positions() -> None:
    inside = ~outside_box((1, 3, 4), (9, 0, 8, 9)).reshape(3, 4)
    assert inside.int().tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    kept = inside_box((1, 3, 4), (7, 8, 17, 15)).reshape(3, 4)
    assert kept.int().tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    for box in ((32, 0, 8, 8), (-1, 0, 8, 8), (0, 0, 0, 8)):
        with pytest.raises(NvcodecError, match="is not within 32x24 pixels"):
            outside_box((1, 3, 4), box)
    with pytest.raises(NvcodecError, match="holds no whole position"):
        inside_box((1, 3, 4), (1, 1, 8, 8))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 0}, "steps are 1 at least"),
        ({"top_p": 0.0}, "top-p above 0"),
        ({"top_k": -1}, "top-k 0 at least"),
        ({"temperature": -1.0}, "nothing of sampling is below 0"),
        ({"schedule": "steep"}, "a schedule is one of"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        SamplingConfig(**changes)


@BOTH
def test_nothing_to_draw_is_an_error(sample: Any) -> None:
    with pytest.raises(NvcodecError, match="nothing to draw"):
        sample(built(), CLASSES, GRID, known=torch.ones(12, dtype=torch.bool), tokens=some_tokens())
