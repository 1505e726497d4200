"""Motion: what moves is found where it was, and what stands still is left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nvcodec.media import MediaReader, Picture
from nvcodec.tokenizer.frames import from_planes
from nvcodec.tokenizer.motion import MOTION_LEVEL_MAX, MOTION_STEP, carry, displacement, predict
from nvcodec.tokenizer.motion_search import MotionMatch, search_motion

CARPHONE = Path(__file__).parents[1] / "clips" / "carphone.mp4"
FREE = 1e-6  # a bit costs next to nothing: the search finds the best prediction


def picture() -> Picture:
    with MediaReader(CARPHONE, audio=False) as media:
        return next(item for item in media.items() if isinstance(item, Picture))


def window(shown: Picture, x: int, y: int, width: int = 96, height: int = 64) -> Tensor:
    """A part of the picture as a frame `[6, H/2, W/2]`; x and y even."""
    luma = shown.y[y : y + height, x : x + width]
    u, v = (plane[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2] for plane in (shown.u, shown.v))
    return from_planes(luma, u, v, 8)


def panned(speed_x: int, speed_y: int) -> tuple[Tensor, Tensor]:
    """A camera that pans by so many (even) pixels a frame: the last frame, and the four after it."""
    shown = picture()
    frames = [window(shown, 40 + speed_x * t, 40 + speed_y * t) for t in range(5)]
    return frames[0][None], torch.stack(frames[1:], dim=1)[None]


def inner_error(a: Tensor, b: Tensor) -> float:
    """Mean squared error away from the edges, where content comes in that was not seen before."""
    return float((a - b)[..., 12:-12, 12:-12].square().mean())


def test_no_motion_predicts_the_last_frame_four_times() -> None:
    last, _ = panned(0, 0)
    still = predict(last, torch.zeros(1, 8, 12, 4))
    assert torch.allclose(still, last[:, :, None].expand(-1, -1, 4, -1, -1), atol=1e-5)


def test_displacement_is_a_parabola_through_the_last_frame() -> None:
    motion = torch.zeros(1, 1, 1, 4)
    motion[..., 0], motion[..., 2] = 8, 2
    x = displacement(motion)[0, :, 0, 0, 0]
    assert x.tolist() == [
        8 * MOTION_STEP / 4 + 0.75,
        8 * MOTION_STEP / 2 + 1.0,
        8 * MOTION_STEP * 3 / 4 + 0.75,
        4.0,
    ]


@pytest.mark.parametrize(("speed_x", "speed_y"), [(2, 0), (0, -2), (4, 2)])
def test_the_search_finds_a_pan(speed_x: int, speed_y: int) -> None:
    last, frames = panned(speed_x, speed_y)
    motion = search_motion(MotionMatch.of(frames, last), None, FREE)
    inner = motion[:, 2:-2, 2:-2]
    assert inner[..., 0].median() == speed_x * 4 / MOTION_STEP
    assert inner[..., 1].median() == speed_y * 4 / MOTION_STEP
    assert inner_error(predict(last, motion), frames) < 0.1 * inner_error(
        last[:, :, None].expand_as(frames), frames
    )


@pytest.mark.parametrize("speed", [(2, 0), (2, 4)])
def test_a_search_at_full_resolution_predicts_better(speed: tuple[int, int]) -> None:
    # every second line of noise: half resolution cannot see where it goes
    shown = picture()
    grain = np.random.default_rng(2).normal(0, 12, shown.y.shape)
    shown = Picture(shown.pts, np.clip(shown.y + grain, 0, 255).astype(np.uint8), shown.u, shown.v)
    seen = [window(shown, 40 + speed[0] * t // 2 * 2, 40 + speed[1] * t // 2 * 2) for t in range(5)]
    last, frames = seen[0][None], torch.stack(seen[1:], dim=1)[None]
    match, fine = MotionMatch.of(frames, last), MotionMatch.fine(frames, last)
    coarse, refined = (search_motion(match, None, 0.01, extra) for extra in (None, fine))
    assert inner_error(predict(last, refined), frames) <= inner_error(predict(last, coarse), frames)


@pytest.mark.parametrize("fine", [False, True])
def test_where_nothing_moves_nothing_is_sent(fine: bool) -> None:
    last, frames = panned(0, 0)
    noisy = frames + torch.randn(frames.shape, generator=torch.Generator().manual_seed(3)) * 0.01
    refined = MotionMatch.fine(noisy, last) if fine else None
    assert not search_motion(MotionMatch.of(noisy, last), None, 0.1, refined).any()


def test_motion_that_costs_more_than_it_saves_is_not_sent() -> None:
    last, frames = panned(2, 0)
    dear, cheap = (search_motion(MotionMatch.of(frames, last), None, cost) for cost in (1e6, FREE))
    assert not dear.any()
    assert cheap.any()


def test_motion_is_whole_levels_within_what_can_be_coded() -> None:
    generator = torch.Generator().manual_seed(5)
    frames, last = (
        torch.rand(2, 6, 4, 32, 40, generator=generator),
        torch.rand(2, 6, 32, 40, generator=generator),
    )
    before = torch.full((2, 8, 10, 4), float(MOTION_LEVEL_MAX))
    motion = search_motion(MotionMatch.of(frames, last), before, FREE)
    assert motion.shape == (2, 8, 10, 4)
    assert torch.equal(motion, motion.round())
    assert motion.abs().max() <= MOTION_LEVEL_MAX


def test_features_move_with_the_picture_in_any_precision() -> None:
    features = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 6, 8, 32)).astype(np.float32))
    motion = torch.zeros(1, 6, 8, 4)
    motion[..., 0] = 8 / MOTION_STEP  # one position to the right
    moved = carry(features, motion)
    assert torch.allclose(moved[:, :, :-1], features[:, :, 1:], atol=1e-4)
    half = carry(features.bfloat16(), motion).float()
    assert torch.allclose(half, moved, atol=0.05)


@pytest.mark.parametrize("resolution", [MotionMatch.of, MotionMatch.fine])
def test_the_error_of_a_few_positions_is_that_of_the_whole_field_there(
    resolution: Callable[[Tensor, Tensor], MotionMatch],
) -> None:
    last, frames = panned(2, 4)
    match = resolution(frames, last)
    field = torch.randint(-6, 7, (1, 96, 4), generator=torch.Generator().manual_seed(0))
    positions = torch.arange(0, 96, 5)  # corners and edges are among them
    end, bend = field.reshape(1, 1, 8, 12, 4).permute(0, 1, 4, 2, 3).float().split(2, dim=2)
    whole = (match.error_at(end / 2 + bend, 0) + match.error_at(end, 1)).flatten(2)[:, :, positions]
    few = match.error_of(field, positions, field[None, :, positions])
    assert whole.std() > 0.1
    torch.testing.assert_close(few, whole, rtol=1e-3, atol=1e-4)
