"""Levels chosen again, for what the decoder makes of those chosen before.

What the decoder's network adds to a picture hangs on the levels themselves, which the analysis cannot know ahead. So
the encoder decodes what it chose, looks at what is missing, and asks the prior again. Near the latent z that was
decoded, the squared error of another is about |z* − it|² more than the least there is, with z* = z + Wᵀ (what z
misses), for the columns of the synthesis's linear transform W are nearly orthonormal: that makes z* a target like any
latent. This is what Campos et al. do ("Content adaptive optimization for neural image compression", 2019), with the
transform in place of the gradient through the network, which gave no more and took longer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.prior.choice import COST_PER_BIT
from nvcodec.prior.choosing import ChosenFrame, LevelChooser
from nvcodec.tokenizer.motion import MOTION_DIMS
from nvcodec.tokenizer.tiny import Prediction, TinyTokenizer, patchify

# How far the target moves towards z*: the whole way swings from one side to the other.
STRIDE = 0.5
# Of COST_PER_BIT, in the first latent frame and in the others: the next are predicted from each, and the whole of λ
# would leave them too much to mend. On training clips 0.4 and 0.8 are better than 1 and 1, which save more bits at once
# and lose them on scenes that stand still.
FIRST_COST, NEXT_COST = 0.4, 0.8


@dataclass(frozen=True, eq=False)
class Aim:
    """What a latent frame is to show, and what its decoder knows of it.

    `frames` [1, 6, T, H/2, W/2]; `prediction` and `conditions` as `TinyTokenizer` takes them; `step` Δ; `weights`
    [h·w]: what squared error counts at each position, 1 left out.
    """

    frames: Tensor
    prediction: Prediction | None
    conditions: Tensor
    step: float
    weights: Tensor | None


@dataclass(frozen=True, eq=False)
class Choice:
    """A latent frame, and the chooser that goes on from it."""

    chooser: LevelChooser
    frame: ChosenFrame
    shape: torch.Size  # of the latent, [1, h, w, D]
    device: torch.device

    @property
    def level(self) -> Tensor:
        """The levels as the tokenizer takes them, in float32."""
        return self.frame.level[:, MOTION_DIMS:].reshape(self.shape).to(self.device, torch.float32)


def choose_for(tokenizer: TinyTokenizer, chooser: LevelChooser, latent: Tensor, aim: Aim, passes: int) -> Choice:
    """Levels for a latent `[1, h, w, D]`, and with `passes` the cheapest, by D + λR, of as many more choices.

    `chooser` has chosen the motion; with passes it is left as it is, and copies of it go on.
    """
    if not passes:
        return _chosen(tokenizer, chooser, latent, aim, COST_PER_BIT)
    first = aim.prediction is None
    target, cost_per_bit = latent.float(), (FIRST_COST if first else NEXT_COST) * COST_PER_BIT
    best, least = None, float("inf")
    for number in range(passes + 1):
        choice = _chosen(tokenizer, chooser.copy(), target, aim, cost_per_bit)
        known = tokenizer.dequantize(choice.level, aim.step, aim.conditions)
        shown, _ = tokenizer.synthesise(known, aim.prediction, aim.conditions)
        missed = patchify(aim.frames - shown.float())
        cost = choice.frame.bits() + _error(missed, aim.weights) / (cost_per_bit * aim.step**2)
        if best is None or cost < least:
            best, least = choice, cost
        if number < passes:
            wanted = known + tokenizer.project(missed, first=first)
            target = target + STRIDE * (wanted - target)
    assert best is not None
    return best


def _chosen(tokenizer: TinyTokenizer, chooser: LevelChooser, latent: Tensor, aim: Aim, cost_per_bit: float) -> Choice:
    shrink = tokenizer.shrinkage(aim.conditions)[0, 0, 0]
    scaled = (latent.float() / aim.step)[0].flatten(0, 1).cpu()
    frame = chooser.levels(scaled, shrink.float().cpu(), aim.weights, cost_per_bit)
    return Choice(chooser, frame, latent.shape, latent.device)


def _error(missed: Tensor, weights: Tensor | None) -> float:
    """Squared error of patches `[1, h, w, T·96]`, weighted."""
    by_position = missed.square().sum(-1).flatten().cpu()
    return float(by_position.sum() if weights is None else by_position @ weights)
