"""The shipped tokenizer's network: causality, chunks, the precision it runs in, and what it is told."""

from __future__ import annotations

import torch
from torch import Tensor

from nvcodec.tokenizer.conditioning import CONDITIONS, HAT_SCALE, conditions
from nvcodec.tokenizer.motion import MOTION_DIMS
from nvcodec.tokenizer.quantize import QUALITY_MAX, QUALITY_MIN, keep_planes, quantize, step_size
from nvcodec.tokenizer.tiny import DecoderState, TinyConfig, TinyTokenizer, patchify, unpatchify

QUALITY = 40
CONFIG = TinyConfig(latent_dims=32, width=32)


def lively(seed: int = 2) -> TinyTokenizer:
    """A network whose every layer matters: those that start at zero are drawn as well."""
    torch.manual_seed(seed)
    tokenizer = TinyTokenizer(CONFIG)
    with torch.no_grad():
        for parameter in tokenizer.parameters():
            if not parameter.any():
                parameter.normal_(std=0.02)
    return tokenizer.eval()


def clip(steps: int, seed: int = 4) -> Tensor:
    """`[1, 6, 1 + 4·steps, 24, 32]` in −½…½."""
    return torch.rand(1, 6, 1 + 4 * steps, 24, 32, generator=torch.Generator().manual_seed(seed)) - 0.5


@torch.inference_mode()
def levels(
    tokenizer: TinyTokenizer, frames: Tensor, state: DecoderState | None = None
) -> tuple[list[Tensor], DecoderState]:
    """Levels of every step of `frames`, in closed loop from `state`, and the state after them."""
    out = []
    start = 0
    while start < frames.shape[2]:
        part = frames[:, :, start : start + (1 if state is None else 4)]
        start += part.shape[2]
        condition = conditions(QUALITY, first=state is None)[None]
        prediction = None if state is None else tokenizer.predict(state, torch.zeros(1, 6, 8, MOTION_DIMS))
        level = quantize(tokenizer.analyse(part, prediction, condition), step_size(QUALITY))
        latent = tokenizer.dequantize(level, step_size(QUALITY), condition)
        _, state = tokenizer.synthesise(latent, prediction, condition)
        out.append(level)
    assert state is not None
    return out, state


def test_changing_a_later_frame_changes_no_earlier_level() -> None:
    tokenizer, frames = lively(), clip(3)
    before, _ = levels(tokenizer, frames)
    for changed in range(1, frames.shape[2]):
        other = frames.clone()
        other[:, :, changed] = -other[:, :, changed]
        after, _ = levels(tokenizer, other)
        own = 1 + (changed - 1) // 4
        assert all(torch.equal(a, b) for a, b in zip(before[:own], after[:own], strict=True))
        assert not torch.equal(before[own], after[own])


def test_a_long_video_in_chunks_has_the_levels_of_the_whole() -> None:
    tokenizer, frames = lively(), clip(4)
    whole, _ = levels(tokenizer, frames)
    for cut in (1, 5, 13):
        head, state = levels(tokenizer, frames[:, :, :cut])
        tail, _ = levels(tokenizer, frames[:, :, cut:], state)
        assert all(torch.equal(a, b) for a, b in zip(whole, head + tail, strict=True))


def test_shapes_of_a_first_and_a_following_step() -> None:
    tokenizer, frames = lively(), clip(1)
    (first, following), state = levels(tokenizer, frames)
    assert first.shape == following.shape == (1, 6, 8, CONFIG.latent_dims)
    assert state.last.shape == (1, 6, 24, 32)
    assert state.hidden.shape == (1, 6, 8, CONFIG.width)


def test_patches_and_back() -> None:
    frames = clip(1)
    assert torch.equal(unpatchify(patchify(frames)), frames)


def test_an_error_cannot_leave_the_range_of_pictures() -> None:
    tokenizer = lively()
    latent = torch.full((1, 6, 8, CONFIG.latent_dims), 1e4)
    _, state = tokenizer.synthesise(latent, None, conditions(QUALITY, first=True)[None])
    assert state.last[:, :4].abs().max() <= 0.5
    assert state.last[:, 4:].abs().max() <= 1.0


def test_where_nothing_is_coded_the_prediction_stays_as_it_is() -> None:
    tokenizer, frames = lively(), clip(1)
    condition = conditions(QUALITY, first=False)[None]
    coded = torch.zeros(1, 6, 8, dtype=torch.bool)
    coded[0, 2, 3] = True
    with torch.inference_mode():
        _, state = tokenizer.synthesise(tokenizer.analyse(frames[:, :, :1], None, condition), None, condition)
        prediction = tokenizer.predict(state, torch.zeros(1, 6, 8, MOTION_DIMS))
        latent = coded[..., None] * torch.eye(CONFIG.latent_dims)[0]
        found, _ = tokenizer.synthesise(latent, prediction, condition)
    change = patchify(found) - prediction.patches
    assert torch.equal(patchify(found)[~coded], prediction.patches[~coded])
    assert change[coded].abs().min() > 0


def test_bfloat16_changes_pixels_by_less_than_a_grey_level() -> None:
    precise, fast = lively(), lively().speed_up()
    frames = clip(1)
    condition = conditions(QUALITY, first=True)[None]
    with torch.inference_mode():
        latent = precise.analyse(frames[:, :, :1], None, condition)
        a, state = precise.synthesise(latent, None, condition)
        b, _ = fast.synthesise(latent, None, condition)
        assert (a - b).square().mean().sqrt() < 1 / 255
        motion = torch.zeros(1, 6, 8, MOTION_DIMS)
        z = precise.analyse(frames[:, :, 1:], precise.predict(state, motion), condition)
        a, _ = precise.synthesise(z, precise.predict(state, motion), condition)
        b, _ = fast.synthesise(z, fast.predict(state, motion), condition)
        assert (a - b).square().mean().sqrt() < 1 / 255


def test_pca_start_rebuilds_what_lies_in_its_span() -> None:
    torch.manual_seed(1)
    tokenizer = TinyTokenizer(CONFIG)
    basis = torch.randn(20, 96)
    first = torch.randn(4000, 20) @ basis
    tokenizer.start_from_pca(first, torch.randn(4000, 20) @ torch.randn(20, 384))
    frames = unpatchify(torch.randn(1, 2, 3, 20) @ basis)
    condition = conditions(QUALITY, first=True)[None]
    with torch.inference_mode():
        rebuilt, _ = tokenizer.synthesise(tokenizer.analyse(frames, None, condition), None, condition)
    assert torch.allclose(rebuilt, frames, atol=1e-2)


def test_conditions_name_every_quality_differently_and_none_twice() -> None:
    rows = [
        tuple(conditions(q, first=first).tolist()) for q in range(QUALITY_MAX + 1) for first in (False, True)
    ]
    assert len(set(rows)) == len(rows)
    for quality in range(QUALITY_MIN, QUALITY_MAX + 1):
        vector = conditions(quality, first=False)
        assert vector.shape == (CONDITIONS,)
        assert vector.sum() == HAT_SCALE
        assert torch.equal(vector, vector.round())


def test_levels_rebuild_to_within_a_step_beyond_the_dead_zone() -> None:
    z = torch.linspace(-9, 9, 4001)
    level = quantize(z, 0.5)
    assert torch.equal(level, -quantize(-z, 0.5))
    assert (z[level == 0].abs() <= 0.6 * 0.5 + 1e-6).all()
    assert ((level * 0.5 - z).abs()[level != 0] <= 0.6 * 0.5 + 1e-6).all()


def test_any_prefix_of_the_planes_reads_as_the_middle_of_what_is_known() -> None:
    level = torch.arange(-15.0, 16.0)
    for dropped in (1, 2, 3):
        known = keep_planes(level, dropped)
        assert (
            (known - level).abs() <= (2**dropped - 1) / 2 + (level.abs() < 2**dropped) * 2**dropped / 2
        ).all()
        assert (known[level.abs() < 2**dropped] == 0).all()
    assert torch.equal(keep_planes(level, 0), level)
