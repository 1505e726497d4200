"""The encoder's walk: it chooses the levels of a GOP as it goes, and notes how they will be coded.

How many planes a GOP needs is known only when all its levels are, so the distributions are kept until then
(`Noted`), packed, rather than computed twice.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.prior.choice import COST_PER_BIT, MotionError, choose_levels, choose_motion
from nvcodec.prior.coding import PlaneCoder
from nvcodec.prior.distribution import Parameters, level_bits
from nvcodec.prior.planes import Port
from nvcodec.prior.transformer import Prior
from nvcodec.prior.walk import LatentWalk, Stop


@dataclass(frozen=True, eq=False)
class Noted:
    """The distributions of one stop, packed: μ int16, s index and κ uint8, [n, width] each."""

    stop: Stop
    location: Tensor
    scale: Tensor
    tail: Tensor

    @classmethod
    def of(cls, stop: Stop, parameters: Parameters) -> Noted:
        """From the prior's integers `[1, n, width]`."""
        location, scale, tail = (p[0] for p in parameters)
        return cls(stop, location.to(torch.int16), scale.to(torch.uint8), tail.to(torch.uint8))

    @property
    def parameters(self) -> Parameters:
        """As they were, int32."""
        return self.location.int(), self.scale.int(), self.tail.int()


@dataclass(frozen=True, eq=False)
class ChosenFrame:
    """The levels `[h·w, columns]` int16 of a latent frame, and the distributions they will be coded with."""

    level: Tensor
    noted: tuple[Noted, ...]

    def bits(self) -> float:
        """About how many bits it will take; not for the token reading."""
        levels = (self.level.index_select(0, n.stop.positions)[:, n.stop.columns].float() for n in self.noted)
        own = (tuple(p.float() for p in n.parameters) for n in self.noted)
        return sum(float(level_bits(level, p).sum()) for level, p in zip(levels, own, strict=True))  # type: ignore[arg-type]


class LevelChooser:
    """Chooses the latent frames of one GOP in order. `prior` is frozen."""

    def __init__(self, prior: Prior, h: int, w: int) -> None:
        self.walk = LatentWalk(prior, h, w)
        self.noted: list[Noted] = []

    def copy(self) -> LevelChooser:
        """Another chooser that stands where this one does and goes its own way."""
        other = copy(self)
        other.walk, other.noted = self.walk.copy(), list(self.noted)
        return other

    def begin(self, quality: int) -> None:
        """To the next latent frame, at its quality; 0: the token reading."""
        self.walk.begin(quality)
        self.noted = []

    @torch.no_grad()
    @torch.autocast("cpu", enabled=False)
    def motion(self, found: Tensor, error: MotionError) -> Tensor:
        """Motion `[h·w, 4]` int32 close to what was `found`, where that is worth its bits."""
        field = found.clone()

        def take(stop: Stop, parameters: Parameters) -> Tensor:
            chosen = choose_motion(field[None], stop.positions, parameters, error)[0]
            field[stop.positions] = chosen
            return self._note(stop, parameters, chosen)

        self.walk.take_motion(take)
        return field

    @torch.no_grad()
    @torch.autocast("cpu", enabled=False)
    def levels(
        self, scaled: Tensor, shrink: Tensor, weights: Tensor | None = None, cost_per_bit: float = COST_PER_BIT
    ) -> ChosenFrame:
        """The latent frame whose motion is chosen: of latent values in units of Δ those worth their bits.

        `scaled` [h·w, D]; `shrink` [D] as in `choose_levels`; `weights` [h·w]: what squared error counts, 1 left out;
        `cost_per_bit` where it counts 1, in Δ².
        """
        costs = None if weights is None else cost_per_bit / weights[:, None]

        def take(stop: Stop, parameters: Parameters) -> Tensor:
            location, scale, tail = (p[0] for p in parameters)
            values = scaled.index_select(0, stop.positions)[:, stop.dims]
            cost = cost_per_bit if costs is None else costs.index_select(0, stop.positions)
            chosen = choose_levels(values, (location, scale, tail), shrink[stop.dims], cost).to(torch.int32)
            return self._note(stop, parameters, chosen)

        return ChosenFrame(self.walk.take_latent(take).to(torch.int16), tuple(self.noted))

    @torch.no_grad()
    @torch.autocast("cpu", enabled=False)
    def signs(self, latent: Tensor) -> ChosenFrame:
        """The latent frame as tokens: the signs of the first columns of `latent` [h·w, D], ±1."""

        def take(stop: Stop, parameters: Parameters) -> Tensor:
            values = latent.index_select(0, stop.positions)[:, stop.dims]
            return self._note(stop, parameters, torch.where(values >= 0, 1, -1).to(torch.int32))

        return ChosenFrame(self.walk.take_latent(take, rest=False).to(torch.int16), tuple(self.noted))

    def _note(self, stop: Stop, parameters: Parameters, chosen: Tensor) -> Tensor:
        self.noted.append(Noted.of(stop, parameters))
        return chosen


def code_chosen(frame: ChosenFrame, port: Port, planes: PlaneCoder, *, first: bool) -> None:
    """Pass a latent frame through the port, as `LatentCoder.code` would, from the distributions noted."""
    for noted in frame.noted:
        levels = frame.level.index_select(0, noted.stop.positions)[:, noted.stop.columns].int()
        planes.pass_stop(port, noted.stop, noted.parameters, levels, first=first)
