"""The language model: what its states may know, what its losses count, and how large it is."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.generate.config import LmConfig
from nvcodec.generate.objectives import cosine_share, draw_masks, masked_loss, next_loss, without_some_classes
from nvcodec.generate.transformer import KvCache, TokenTransformer, attend
from nvcodec.generate.vocabulary import Vocabulary

GRID = (2, 3, 2)
CLASSES = torch.tensor([0, 1])
SMALL = LmConfig(grid=(2, 3, 3), classes=3, width=32, layers=2, heads=2, dropout=0.0, neighbours=True)
HEADS = pytest.mark.parametrize("factors", [2, 18])


def built(**changes: int) -> TokenTransformer:
    torch.manual_seed(1)
    return TokenTransformer(dataclasses.replace(SMALL, **changes)).eval()


def some_tokens(batch: int = 2) -> Tensor:
    return torch.randint(1 << 18, (batch, 12), generator=torch.Generator().manual_seed(2))


def learn(model: TokenTransformer, objective: str, steps: int) -> float:
    """Teach one clip of each of two classes; the bits a token takes in the end."""
    tokens = some_tokens()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    masked = torch.ones_like(tokens, dtype=torch.bool)  # told apart by their classes alone
    bits = []
    for _ in range(steps):
        if objective == "masked":
            out = masked_loss(model, tokens, masked, CLASSES, GRID)
        else:
            out = next_loss(model, tokens, CLASSES, GRID)
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
        bits.append(out.bits_per_token)
    return bits[-1]


@HEADS
def test_a_token_is_its_parts_and_has_a_probability_among_all(factors: int) -> None:
    vocabulary = Vocabulary(dataclasses.replace(SMALL, token_bits=18, factors=factors))
    tokens = torch.tensor([0, 1, 511, 512, (1 << 18) - 1])
    assert torch.equal(vocabulary.join(vocabulary.split(tokens)), tokens)
    if factors == 18:
        assert vocabulary.split(torch.tensor(5)).tolist() == [1, 0, 1] + [0] * 15
    few = Vocabulary(dataclasses.replace(SMALL, token_bits=4, factors=2 if factors == 2 else 4))
    state = torch.randn(32, generator=torch.Generator().manual_seed(1)).expand(16, -1)
    every = few.log_probability(state, torch.arange(16)).exp()
    assert float(every.detach().sum()) == pytest.approx(1, abs=1e-5)


@HEADS
def test_a_part_of_a_token_hangs_on_those_before_it_and_on_no_later_one(factors: int) -> None:
    vocabulary = Vocabulary(dataclasses.replace(SMALL, factors=factors))
    states, tokens = torch.randn(2, 12, 32, generator=torch.Generator().manual_seed(1)), some_tokens()
    logits, parts = vocabulary.logits(states, tokens), vocabulary.split(tokens)
    stepwise = [vocabulary.part_logits(states, parts[..., :part]) for part in range(factors)]
    torch.testing.assert_close(torch.stack(stepwise, dim=-2), logits, rtol=1e-4, atol=1e-5)
    other = vocabulary.logits(states, tokens ^ 1 << 18 // factors)  # another second part
    assert torch.equal(other[..., :2, :], logits[..., :2, :])
    for part in range(2, factors):
        assert not torch.equal(other[..., part, :], logits[..., part, :])
    first = vocabulary.logits(states, tokens ^ 1)
    assert not torch.equal(first[..., 1, :], logits[..., 1, :])


@HEADS
def test_changing_a_later_token_changes_no_earlier_state(factors: int) -> None:
    model, tokens, classes = built(factors=factors), some_tokens(), torch.tensor([0, 3])
    before = model.next_ones(tokens, classes, GRID)
    for place in (0, 5, 10):
        other = tokens.clone()
        other[:, place] ^= 0b1000000001
        after = model.next_ones(other, classes, GRID)
        assert torch.equal(after[:, : place + 1], before[:, : place + 1])
        assert not torch.equal(after[:, place + 1 :], before[:, place + 1 :])


def test_a_class_changes_the_state_of_the_first_token() -> None:
    model, tokens = built(), some_tokens(1)
    one, two = (model.next_ones(tokens, torch.tensor([label]), GRID)[:, 0] for label in (0, 1))
    assert not torch.allclose(one, two)


@pytest.mark.parametrize("known", [0, 4])
def test_stepwise_with_a_cache_gives_what_the_whole_pass_gives(known: int) -> None:
    model, tokens, classes = built(), some_tokens(), torch.tensor([1, 2])
    whole = model.next_ones(tokens, classes, GRID)
    cache = KvCache(model.config, 2, 12, whole)
    steps = [model.next_ones(tokens[:, :known], classes, GRID, cache)]
    steps += [model.next_ones(tokens[:, [place]], classes, GRID, cache) for place in range(known, 11)]
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("around", [False, True])
def test_what_is_masked_is_unseen_and_what_is_not_is_seen(around: bool) -> None:
    model, tokens, classes = built(around=around), some_tokens(), torch.tensor([0, 1])
    masked = torch.zeros_like(tokens, dtype=torch.bool)
    masked[:, 3:6] = True
    before = model.all_at_once(tokens, masked, classes, GRID)
    hidden, seen = tokens.clone(), tokens.clone()
    hidden[:, 4] ^= 1
    seen[:, 8] ^= 1
    assert torch.equal(model.all_at_once(hidden, masked, classes, GRID), before)
    assert not torch.allclose(model.all_at_once(seen, masked, classes, GRID)[:, 3:6], before[:, 3:6])


def test_the_masked_loss_is_of_masked_tokens_alone() -> None:
    model, tokens, classes = built(), some_tokens(), torch.tensor([0, 1])
    masked = torch.zeros_like(tokens, dtype=torch.bool)
    masked[:, :2] = True
    out = masked_loss(model, tokens, masked, classes, GRID)
    states = model.all_at_once(tokens, masked, classes, GRID)
    own = -model.vocabulary.log_probability(states[:, :2], tokens[:, :2]).mean().detach()
    assert float(out.loss.detach()) == pytest.approx(float(own), rel=1e-5)
    assert float(out.bits[:, 2:].abs().max()) == 0
    assert out.bits_per_token == pytest.approx(float(own) / math.log(2), rel=1e-5)


@HEADS
def test_an_untrained_model_knows_about_nothing_of_a_token(factors: int) -> None:
    model, tokens, classes = built(factors=factors), some_tokens(), torch.tensor([0, 1])
    assert next_loss(model, tokens, classes, GRID).bits_per_token == pytest.approx(18, abs=0.5)


def test_masks_follow_the_cosine_and_leave_out_what_is_known() -> None:
    known = torch.zeros(2000, 12, dtype=torch.bool)
    known[:, :4] = True
    masks = draw_masks((2000, 12), torch.Generator().manual_seed(1), known)
    assert not bool((masks & known).any()) and int(masks.sum(1).min()) >= 1
    # the mean of ceil(8 cos(π u / 2)) over u is the mean, over its 8 values, of 1 and of how often it is above k
    expected = sum(2 / math.pi * math.acos(k / 8) for k in range(8))
    assert float(masks.sum(1).float().mean()) == pytest.approx(expected, abs=0.2)
    assert [round(float(cosine_share(u)), 4) for u in (0.0, 0.5, 1.0)] == [1.0, 0.7071, 0.0]


def test_a_tenth_of_the_classes_is_left_out_and_the_same_seed_leaves_out_the_same() -> None:
    model, classes = built(), torch.zeros(5000, dtype=torch.int64)
    one, two = (without_some_classes(classes, model, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one, two) and set(one.tolist()) == {0, model.no_class}
    assert float((one == model.no_class).float().mean()) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("masked", ["nothing", "later places", "what a cache does not hold"])
def test_attention_in_bfloat16_is_that_in_float32_but_for_rounding(masked: str) -> None:
    drawn = torch.Generator().manual_seed(1)
    query = torch.randn(2, 2, 5, 8, generator=drawn)
    key, value = torch.randn(2, 2, 2, 9, 8, generator=drawn)
    if masked == "later places":
        key, value = key[:, :, :5], value[:, :, :5]
    mask = torch.ones(5, 9, dtype=torch.bool).tril(4) if masked == "what a cache does not hold" else None
    causal = masked == "later places"
    query, key, value = query.bfloat16(), key.bfloat16(), value.bfloat16()
    exact = attend(query.float(), key.float(), value.float(), mask, causal=causal)
    found = attend(query, key, value, mask, causal=causal)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), exact, atol=0.03, rtol=0)
    assert float((exact - attend(query.flip(2), key, value, mask, causal=causal)).abs().max()) > 0.1


@pytest.mark.parametrize("objective", ["masked", "next"])
@HEADS
def test_a_few_clips_are_learnt_by_heart(objective: str, factors: int) -> None:
    assert learn(built(factors=factors).train(), objective, steps=120) < 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": 3}, "the heads divide the width"),
        ({"factors": 4}, "the factors the bits of a token"),
        ({"grid": (2, 3)}, "those of its grid three"),
        ({"width": 0}, "are 1 at least"),
        ({"dropout": 1.0}, "dropout below 1"),
    ],
)
def test_sizes_that_do_not_go_together_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(NvcodecError, match=said):
        dataclasses.replace(SMALL, **changes)  # type: ignore[arg-type]


def test_a_grid_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        built().position((3, 3, 2))
