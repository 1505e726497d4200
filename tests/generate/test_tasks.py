"""Clips, futures and fillings: what is known stays, windows go on from what was drawn, and a seed is a promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.generate.known import first_frames, outside_box
from nvcodec.generate.model import LanguageModel
from nvcodec.generate.pictures import read_film
from nvcodec.generate.sampling import SamplingConfig
from nvcodec.generate.tasks import draw_clips, fill, fill_between, predict, show_clips

from .models import CLASSES, GRID, SIZE, small_model, teach

CARPHONE = Path(__file__).parents[1] / "clips" / "carphone.mp4"
LIKELIEST = SamplingConfig(steps=1, temperature=0.0, choice=0.0)
QUICK = SamplingConfig(steps=2)
CORNER = outside_box((1, *GRID[1:]), (0, 0, 16, 8))  # the first two positions are drawn
BOTH = pytest.mark.parametrize("objective", ["masked", "next"])


@pytest.fixture(scope="module")
def frames() -> Tensor:
    """The first 24 frames of a talking man, 32 by 32."""
    return read_film(CARPHONE, SIZE, most=24)[0].frames()


def watched(model: LanguageModel) -> tuple[LanguageModel, list[dict[str, Any]]]:
    """The model, and what it is asked to sample, call by call."""
    calls: list[dict[str, Any]] = []
    names = ("classes", "n", "config", "seed", "known", "tokens", "watch")

    class Watched(LanguageModel):
        def sample(self, *arguments: Any, **others: Any) -> Tensor:
            drawn = super().sample(*arguments, **others)
            calls.append(dict(zip(names, arguments, strict=False)) | others | {"drawn": drawn})
            return drawn

    return Watched(model.network, model.tokenizer, model.name, model.sha256), calls


@BOTH
def test_the_same_seed_draws_the_same_clips_and_another_draws_others(objective: str) -> None:
    model, names = small_model(objective), [CLASSES[0], None, CLASSES[1]]
    one, two, other = (draw_clips(model, names, QUICK, seed) for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert one.shape == (3, *GRID) and one.dtype == torch.int64
    shown = show_clips(model, one)
    assert shown.shape == (3, 6, 9, 16, 16)
    assert torch.equal(shown[1], show_clips(model, one[1:2])[0])


@BOTH
def test_clips_begin_as_they_were_told_to(objective: str, frames: Tensor) -> None:
    model = small_model(objective)
    wanted, _ = model.tokenizer.encode(frames[None, :, :5])
    drawn = draw_clips(model, [None, None], QUICK, start=frames[:, :5])
    assert torch.equal(drawn[:, :2], wanted.expand(2, -1, -1, -1))
    assert not torch.equal(drawn[0, 2], drawn[1, 2])


@BOTH
def test_a_model_that_knows_a_clip_predicts_how_it_goes_on(objective: str, frames: Tensor) -> None:
    model = small_model(objective)
    clips = torch.stack([frames[:, :9], frames[:, 15:]])
    tokens, _ = model.tokenizer.encode(clips)
    teach(model, tokens, first_frames(GRID, 2))
    for number in (0, 1):
        future = predict(model, clips[number, :, :5], 4, LIKELIEST, name=CLASSES[number])
        assert torch.equal(future, show_clips(model, tokens[[number]])[0, :, 5:])


@BOTH
def test_a_longer_future_begins_as_a_shorter_one_and_hangs_on_the_last_frames_alone(
    objective: str, frames: Tensor
) -> None:
    model = small_model(objective)
    future = predict(model, frames, 10, QUICK, seed=5)
    assert future.shape == (6, 10, 16, 16)
    assert torch.equal(predict(model, frames[:, -5:], 3, QUICK, seed=5), future[:, :3])
    assert not torch.equal(predict(model, frames, 3, QUICK, seed=6), future[:, :3])


def test_each_window_goes_on_from_what_the_one_before_drew(frames: Tensor) -> None:
    model, calls = watched(small_model())
    future = predict(model, frames, 10, QUICK, context=1)  # 8 frames a window
    last, _ = model.tokenizer.encode(future[None, :, 7:8])
    assert [int(call["known"].sum()) for call in calls] == [16, 16]
    assert torch.equal(calls[1]["tokens"][:, :1], last)
    assert calls[0]["seed"] != calls[1]["seed"]


@pytest.mark.parametrize("length", [1, 4, 9, 11, 24])
def test_filling_draws_what_is_not_known_and_leaves_the_rest_to_the_bit(length: int, frames: Tensor) -> None:
    clip = frames[:, :length]
    filled = fill(small_model(), clip, CORNER, QUICK)
    drawn = torch.zeros(16, 16, dtype=torch.bool)
    drawn[:4, :8] = True
    assert torch.equal(filled[..., ~drawn], clip[..., ~drawn])
    changed = (filled != clip).any(0)[:, drawn].float().mean(1)  # of every frame
    assert float(changed.min()) > 0.9


def test_windows_of_a_filling_see_what_was_drawn_before_and_nothing_beyond_the_end(frames: Tensor) -> None:
    model, calls = watched(small_model())
    filled = fill(model, frames[:, :11], CORNER, QUICK)
    before, _ = model.tokenizer.encode(filled[None, :, 4:9])
    assert torch.equal(calls[1]["tokens"][:, :2], before)
    # two latent frames whole and of a third, of two pictures, the positions that are known
    assert [call["known"].reshape(3, 16).sum(1).tolist() for call in calls] == [[14, 14, 14], [16, 16, 14]]
    fill(model, frames[:, :4], CORNER, QUICK)
    assert calls[2]["known"].reshape(3, 16).sum(1).tolist() == [14, 14, 0]


def test_between_its_ends_all_of_a_clip_is_drawn(frames: Tensor) -> None:
    clip = frames[:, :9]
    filled = fill_between(small_model(), clip, QUICK)
    same = (filled == clip).flatten(2).float().mean((0, 2))
    assert (same[[0, 5, 6, 7, 8]] == 1).all() and (same[1:5] < 0.1).all()
    with pytest.raises(NvcodecError, match="clips of 9 frames, not of 8"):
        fill_between(small_model(), frames[:, :8], QUICK)


def test_progress_counts_the_steps_of_all_windows(frames: Tensor) -> None:
    for work, windows in (
        (lambda watch: predict(small_model(), frames, 10, QUICK, watch=watch), 3),
        (lambda watch: fill(small_model(), frames, CORNER, QUICK, watch=watch), 5),
        (lambda watch: draw_clips(small_model(), [None] * 33, QUICK, watch=watch), 2),
    ):
        seen: list[tuple[int, int]] = []
        work(lambda done, total, seen=seen: seen.append((done, total)))
        assert seen == [(step + 1, 2 * windows) for step in range(2 * windows)]


@pytest.mark.parametrize("context", [0, 2, 9, 13])
def test_frames_that_no_window_can_begin_with_are_refused(context: int, frames: Tensor) -> None:
    model = small_model()
    with pytest.raises(NvcodecError, match=f"goes on from 1, 5 frames, not {context}"):
        predict(model, frames, 4, context=context)
    with pytest.raises(NvcodecError, match="goes on from 1, 5 frames"):
        fill(model, frames, CORNER, context=context)
    with pytest.raises(NvcodecError, match="goes on from 1, 5 frames"):
        draw_clips(model, [None], start=frames[:, :context])


def test_too_short_a_past_is_refused(frames: Tensor) -> None:
    with pytest.raises(NvcodecError, match="drawn from 5 frames, and there are 3"):
        predict(small_model(), frames[:, :3], 4)


def test_a_model_of_the_next_token_fills_nothing(frames: Tensor) -> None:
    for work in (lambda model: fill(model, frames, CORNER), lambda model: fill_between(model, frames[:, :9])):
        with pytest.raises(NvcodecError, match="small learnt the next token"):
            work(small_model("next"))
