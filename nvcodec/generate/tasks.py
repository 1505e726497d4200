"""What a language model is asked for: clips of a class, the future of a clip, and parts of one drawn anew.

A model draws a window: a grid of T' latent frames, 1 + 4 (T' − 1) frames, at once. What is longer is drawn window by
window. Each begins with the last frames of what is there already, which become tokens anew, for the first latent frame
of a window is one frame and the others are four.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import latent_frames
from nvcodec.errors import NvcodecError
from nvcodec.tokenizer.frames import GRID
from nvcodec.tokenizer.motion import STEP_FRAMES

from .compact_tokens import decoded, encoded
from .known import both_ends, first_frames
from .model import LanguageModel
from .sampling import SamplingConfig, Watch

CONTEXT = 5  # frames that the next ones are drawn from, as on Kinetics-600 (Yu et al. 2022, section 4.1)


def draw_clips(
    model: LanguageModel,
    classes: Sequence[str | None],
    config: SamplingConfig = SamplingConfig(),
    seed: int = 0,
    *,
    start: Tensor | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """Tokens `[n, T', h, w]` int64 of n clips, one for each of `classes` (None: of no class in particular).

    `start` [6, 1 + 4k, H/2, W/2] is how all of them begin. The same seed draws the same clips. NvcodecError for a class
    that the model does not know, and for a start that leaves nothing to draw.
    """
    known = tokens = None
    if start is not None:
        check_context(model, start.shape[1])
        known, tokens = first_frames(model.grid, latent_frames(start.shape[1])), _tokens(model, start)
    return model.sample(classes, 1, config, seed, known, tokens, watch).cpu()


def show_clips(model: LanguageModel, tokens: Tensor) -> Tensor:
    """Frames `[n, 6, T, H/2, W/2]` that tokens `[n, T', h, w]` stand for."""
    return decoded(model.tokenizer, tokens)


@torch.inference_mode()
def predict(
    model: LanguageModel,
    past: Tensor,
    count: int,
    config: SamplingConfig = SamplingConfig(),
    seed: int = 0,
    *,
    context: int = CONTEXT,
    name: str | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """The next `count` frames `[6, count, H/2, W/2]` after those of `past` [6, T, H/2, W/2], of the class `name`.

    They are drawn from the last `context` = 1 + 4k of them, and so on from what is drawn. NvcodecError when the past is
    shorter, or the context leaves nothing to draw.
    """
    check_context(model, context)
    if past.shape[1] < context:
        raise NvcodecError(f"what comes next is drawn from {context} frames, and there are {past.shape[1]}")
    fresh = model.description.frames - context
    windows = -(-count // fresh)
    known = first_frames(model.grid, latent_frames(context))
    last, future = past[:, -context:], []
    for window in range(windows):
        drawn = _draw(model, name, config, seed, (window, windows), known, _tokens(model, last), watch)
        future.append(show_clips(model, drawn)[0, :, context:])
        last = torch.cat([last, future[-1]], dim=1)[:, -context:]
    return torch.cat([past[:, :0], *future], dim=1)[:, :count]


@torch.inference_mode()
def fill(
    model: LanguageModel,
    frames: Tensor,
    known: Tensor,
    config: SamplingConfig = SamplingConfig(),
    seed: int = 0,
    *,
    context: int = CONTEXT,
    name: str | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """`frames` [6, T, H/2, W/2] of the class `name`, of which all positions that are not `known` [h·w] are drawn anew.

    What is known stays as it is, to the bit. Windows overlap by `context` = 1 + 4k frames, and see what was drawn.
    """
    check_masked(model)
    check_context(model, context)
    done, total = 0, frames.shape[1]
    windows = 1 + max(0, -(-(total - model.description.frames) // (model.description.frames - context)))
    filled = frames.clone()
    for window in range(windows):
        begin = max(0, done - context)
        own = filled[:, begin : begin + model.description.frames]
        keep = known.expand(model.grid[0], -1).clone()
        keep[: latent_frames(done - begin) if done else 0] = True
        shown = _redrawn(model, own, keep, config, seed, (window, windows), name, watch)
        filled[:, done : begin + own.shape[1]] = shown[:, done - begin :]
        done = begin + own.shape[1]
    return filled


@torch.inference_mode()
def fill_between(
    model: LanguageModel,
    frames: Tensor,
    config: SamplingConfig = SamplingConfig(),
    seed: int = 0,
    *,
    name: str | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """`frames` [6, T, H/2, W/2] of the class `name`, of which all but the first and the last four is drawn anew.

    NvcodecError unless T is the model's 1 + 4 (T' − 1).
    """
    check_masked(model)
    whole, here = model.description.frames, frames.shape[1]
    if here != whole:
        raise NvcodecError(f"between its ends the model draws clips of {whole} frames, not of {here}")
    keep = both_ends(model.grid).reshape(model.grid[0], -1)
    return _redrawn(model, frames, keep, config, seed, (0, 1), name, watch)


def check_masked(model: LanguageModel) -> None:
    """NvcodecError for a model that cannot know what comes later."""
    if model.objective != "masked":
        raise NvcodecError(
            f"{model.name} learnt the next token, and would not see what lies behind; "
            "a model that learnt masked tokens draws parts anew"
        )


def check_context(model: LanguageModel, context: int) -> None:
    """NvcodecError for a number of frames that the model can't go on from."""
    if context < 1 or (context - 1) % STEP_FRAMES or context >= model.description.frames:
        fit = ", ".join(map(str, range(1, model.description.frames, STEP_FRAMES)))
        raise NvcodecError(f"this model goes on from {fit} frames, not {context}")


def _redrawn(
    model: LanguageModel,
    frames: Tensor,
    keep: Tensor,
    config: SamplingConfig,
    seed: int,
    place: tuple[int, int],
    name: str | None,
    watch: Watch | None,
) -> Tensor:
    """A window's `frames`, or fewer, where `keep` [T', h·w] holds, and elsewhere what is drawn.

    Where there are no frames left nothing is known: the model draws those, too, and nobody sees them.
    """
    count = frames.shape[1]
    short = -(count - 1) % STEP_FRAMES  # the last latent frame is filled up with the last frame
    whole = torch.cat([frames, frames[:, -1:].expand(-1, short, -1, -1)], dim=1)
    known = keep.clone()
    known[latent_frames(whole.shape[1]) :] = False
    tokens = _tokens(model, whole)
    shown = show_clips(model, _draw(model, name, config, seed, place, known.flatten(), tokens, watch))[0, :, :count]
    return torch.where(_pixels(model, keep)[:count], frames, shown)


def _pixels(model: LanguageModel, keep: Tensor) -> Tensor:
    """`keep` [T', h·w] of latent frames for the samples `[T, H/2, W/2]` of frames."""
    by_frame = torch.cat([keep[:1], keep[1:].repeat_interleave(STEP_FRAMES, 0)]).reshape(-1, *model.grid[1:])
    return by_frame.repeat_interleave(GRID // 2, 1).repeat_interleave(GRID // 2, 2)


def _draw(
    model: LanguageModel,
    name: str | None,
    config: SamplingConfig,
    seed: int,
    place: tuple[int, int],
    known: Tensor,
    tokens: Tensor,
    watch: Watch | None,
) -> Tensor:
    """Tokens `[1, T', h, w]` of window `place[0]` of `place[1]`, each of which has a seed of its own."""
    number, count = place

    def tell(done: int, total: int) -> None:
        if watch is not None:  # a window of which little is to be drawn takes fewer steps, but counts as much
            most = config.steps if model.objective == "masked" else total
            watch(number * most + done * most // total, count * most)

    own = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
    return model.sample([name], 1, config, own, known, tokens, tell)


def _tokens(model: LanguageModel, frames: Tensor) -> Tensor:
    """Tokens `[1, T', h, w]` of a window that begins with `frames` [6, 1 + 4k, H/2, W/2], and zeros behind them."""
    found = encoded(model.tokenizer, frames[None])
    whole = torch.zeros(1, *model.grid, dtype=torch.int64)
    whole[:, : found.shape[1]] = found
    return whole
