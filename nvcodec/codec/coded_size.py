"""How large the pictures of a GOP are coded: as they are, or with width and height halved up to three times.

A latent frame has a position for every 8 × 8 pixels, and even where nothing happens each costs a little. At low rates
pictures of half the size, coded finer, show more for the same bits. So the GOP is coded at every size side by side,
at qualities where a bit saves as much squared error in all of them, and the cheapest by D + λR is kept. One that has
fallen far behind is given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.prior.choice import COST_PER_BIT
from nvcodec.prior.choosing import ChosenFrame
from nvcodec.tokenizer.quantize import QUALITIES_PER_OCTAVE, QUALITY_MAX, step_size
from nvcodec.tokenizer.tiny import PATCH
from nvcodec.weights import Model

from .effort import AS_USUAL, EncoderSettings
from .gop import HALVINGS_MAX, ClosedLoop, GopQuality


def at_half(quality: GopQuality) -> GopQuality | None:
    """The quality at half the size where a bit saves as much squared error, each pixel being four; None if none is."""
    others = quality.others + QUALITIES_PER_OCTAVE
    if quality.others == 0 or others > QUALITY_MAX:
        return None
    return GopQuality(min(QUALITY_MAX, quality.first + QUALITIES_PER_OCTAVE), others, quality.halvings + 1)


def nominal(quality: GopQuality) -> GopQuality:
    """The quality that a GOP was asked to have: mirror of `at_half`, but where that met the highest quality."""
    less = QUALITIES_PER_OCTAVE * quality.halvings
    return GopQuality(quality.first - less, quality.others - less)


def analyse_at_best_size(
    model: Model,
    steps: Iterable[Tensor],
    quality: GopQuality,
    weights: Tensor | None = None,
    settings: EncoderSettings = AS_USUAL,
) -> tuple[GopQuality, tuple[ChosenFrame, ...]]:
    """The size and quality that are best for a GOP, and its latent frames.

    `steps` as `ClosedLoop.take` takes them; `weights` [h·w] of the whole size.
    """
    racers: list[_Racer] = []
    for number, step in enumerate(steps):
        if not racers:
            racers = _racers(model, quality, weights, (step.shape[2] // PATCH, step.shape[3] // PATCH), settings)
        for racer in racers:
            racer.take(step)
        if number + 1 >= settings.patience and len(racers) > 1:
            least = min(racer.cost for racer in racers)
            racers = [racer for racer in racers if racer.cost <= settings.behind * least]
    best = min(racers, key=lambda racer: racer.cost)
    return best.loop.quality, tuple(best.frames)


class _Racer:
    """A GOP coded at one size, and its cost so far: bits, and squared error in bits that it is worth."""

    def __init__(self, loop: ClosedLoop, error_per_bit: float, weights: Tensor | None, alone: bool) -> None:
        self.loop, self.cost = loop, 0.0
        self.frames: list[ChosenFrame] = []
        self._error_per_bit, self._weights, self._alone = error_per_bit, weights, alone

    def take(self, step: Tensor) -> None:
        chosen = self.loop.take(step)
        self.frames.append(chosen)
        if not self._alone:
            missed = self.loop.shown()[:, : step.shape[1]].cpu() - step
            self.cost += chosen.bits() + self._error(missed) / self._error_per_bit

    def _error(self, missed: Tensor) -> float:
        squared = missed.square().sum((0, 1))
        if self._weights is None:
            return float(squared.sum())
        by_position = F.avg_pool2d(squared[None], PATCH).flatten() * PATCH**2
        return float(by_position @ self._weights)


def _racers(
    model: Model, quality: GopQuality, weights: Tensor | None, size: tuple[int, int], settings: EncoderSettings
) -> list[_Racer]:
    error_per_bit = COST_PER_BIT * step_size(quality.others) ** 2 if quality.others else 1.0
    qualities: list[GopQuality] = []
    own: GopQuality | None = quality
    while own is not None and own.halvings <= HALVINGS_MAX:
        qualities.append(own)
        own = at_half(own)
    alone = len(qualities) == 1
    loops = [ClosedLoop(model, own, _halved_weights(weights, size, own.halvings), settings) for own in qualities]
    return [_Racer(loop, error_per_bit, weights, alone) for loop in loops]


def _halved_weights(weights: Tensor | None, size: Sequence[int], halvings: int) -> Tensor | None:
    """Of positions of halved pictures: as much as of the weightiest position that they stand for."""
    if weights is None:
        return None
    grid = weights.reshape(1, 1, *size)
    for _ in range(halvings):
        grid = F.max_pool2d(grid, 2, ceil_mode=True)
    return torch.flatten(grid)
