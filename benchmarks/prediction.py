"""Frame prediction: the rest of a clip from its first frames, against copying the last of them.

The model is told no class. What is judged as a set are whole clips, the real beginning before what was predicted; PSNR
is that of the predicted frames alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from nvcodec.benchmarks.labelled import RealClips, psnr
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.generate.compact_tokens import decoded, encoded
from nvcodec.generate.known import first_frames
from nvcodec.generate.model import LanguageModel
from nvcodec.generate.sampling import SamplingConfig
from nvcodec.tokenizer.motion import STEP_FRAMES

DRAWN = SamplingConfig()
LIKELIEST = SamplingConfig(temperature=0.0, choice=0.0)


@dataclass(frozen=True)
class Predicted:
    """One way to go on after `context` frames; `psnr` in dB, `seconds` what one clip took."""

    what: str
    context: int
    psnr: float
    frechet: float
    seconds: float | None = None


def prediction_rows(
    model: LanguageModel, real: RealClips, context: int, seed: int, say: Callable[[str], None]
) -> tuple[list[Predicted], Tensor]:
    """What to hold predictions against and those of `model`; and whole clips, the likeliest as it predicts them.

    NvcodecError for a context that leaves nothing to predict.
    """
    total = real.frames.shape[2]
    if context % STEP_FRAMES != 1 or not 1 <= context < total:
        raise NvcodecError(f"prediction begins with 1 + 4k of {total} frames, not {context}")
    past, future = real.frames[:, :, :context], real.frames[:, :, context:]
    tokens = encoded(model.tokenizer, real.frames)
    rows: list[Predicted] = []

    def add(what: str, predicted: Tensor, seconds: float | None = None) -> Tensor:
        clips = torch.cat([past, predicted], 2)
        distance = real.judge.frechet(clips)
        rows.append(Predicted(what, context, psnr(predicted, future), distance, seconds))
        say(f"prediction, {what}: {rows[-1].psnr:.2f} dB, Fréchet distance {distance:.2f}")
        return clips

    clips = add("the last frame, copied", past[:, :, -1:].expand_as(future))
    add("the frames themselves, decoded from tokens", decoded(model.tokenizer, tokens)[:, :, context:])
    known = first_frames(model.grid, 1 + (context - 1) // STEP_FRAMES)
    for how, config in (("drawn", DRAWN), ("the likeliest", LIKELIEST)):
        began = time.perf_counter()
        found = model.sample([None] * len(tokens), config=config, seed=seed, known=known, tokens=tokens)
        predicted = decoded(model.tokenizer, found)[:, :, context:]
        clips = add(f"{model.name}, {how}", predicted, (time.perf_counter() - began) / len(tokens))
    return rows, clips
