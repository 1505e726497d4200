"""The one walk through the latent frames of a GOP that encoder and decoder share.

A latent frame is a table of levels, a row for every position: first the MOTION_DIMS columns of motion (zero
in the first latent frame of a GOP and in the token reading), then the D of the latent, the token's
dimensions first. Whoever walks says how levels come about at every stop: read, written or chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor

from nvcodec.prior.distribution import Parameters
from nvcodec.prior.fixed_point import ROWS_AT_ONCE, saturated
from nvcodec.prior.schedule import PositionGroup, position_groups
from nvcodec.prior.transformer import Prior
from nvcodec.tokenizer.conditioning import conditions
from nvcodec.tokenizer.motion import MOTION_DIMS

# The columns are dealt to groups that each have a plane count of their own: motion, the token's, the rest.
MOTION_GROUP, TOKEN_GROUP, FIRST_REST_GROUP = 0, 1, 2
REST_GROUPS = 3


def dimension_groups(latent_dims: int, token_dims: int) -> tuple[slice, ...]:
    """Slices of the columns of levels; one plane count each in a GOP's header."""
    rest = latent_dims - token_dims
    edges = [
        0,
        MOTION_DIMS,
        *(MOTION_DIMS + token_dims + rest * i // REST_GROUPS for i in range(REST_GROUPS + 1)),
    ]
    return tuple(slice(a, b) for a, b in pairwise(edges))


@dataclass(frozen=True, eq=False)
class Stop:
    """A dimension group, by its number, at the positions of one parallel step."""

    number: int
    positions: Tensor  # [n] int64
    columns: slice  # of the table of levels

    @property
    def dims(self) -> slice:
        """Of the latent, where it is not motion."""
        return slice(self.columns.start - MOTION_DIMS, self.columns.stop - MOTION_DIMS)


# From a stop and the distributions [1, n, width] there to its levels [n, width] int32.
Take = Callable[[Stop, Parameters], Tensor]


class LatentWalk:
    """Goes through a GOP's latent frames in order; keeps the prior's memory between them.

    `prior` is frozen. What is to be skipped because its levels are all zero is said with every frame.
    """

    def __init__(self, prior: Prior, h: int, w: int) -> None:
        self.prior = prior
        self.groups = dimension_groups(prior.config.latent_dims, prior.config.token_dims)
        self.size = (h, w)
        self.memory = prior.initial_memory(1, h, w)
        self.last: Tensor | None = None  # [h·w, columns] int32
        self.motion_before = self._with_empty_place(MOTION_DIMS)

    def copy(self) -> Self:
        """Another walk that stands where this one does and goes its own way."""
        other = copy(self)
        other.levels = self.levels.clone()  # the only tensor that is written to after it was made
        return other

    def begin(self, quality: int) -> None:
        """To the next latent frame, at its quality: no level is known yet."""
        h, w = self.size
        self.condition = conditions(quality, first=self.last is None)[None].to(torch.int8)
        self.levels = torch.zeros(h * w, self.groups[-1].stop, dtype=torch.int32)

    def take_motion(self, take: Take) -> None:
        """The motion columns, group by group; not for the first latent frame."""
        known = self._with_empty_place(MOTION_DIMS)
        for index, group in self._position_groups():
            parts = [
                self.prior.motion(index, part, known, self.motion_before, self.condition) for part in _parts(group)
            ]
            motion = take(Stop(MOTION_GROUP, group.positions, self.groups[MOTION_GROUP]), _joined(parts))
            self.levels[group.positions, :MOTION_DIMS] = motion
            known[0, group.positions] = saturated(motion)

    def take_latent(self, take: Take, *, rest: bool = True) -> Tensor:
        """The columns of the latent, without `rest` the token's alone; returns the whole table of levels."""
        context = None if self.last is None else self._context(self.last)
        known = self._with_empty_place(self.prior.config.latent_dims)
        for index, group in self._position_groups():
            self._take_group(take, index, group, known, context, rest=rest)
            known[0, group.positions] = saturated(self.levels.index_select(0, group.positions)[:, MOTION_DIMS:])
        self.last = self.levels
        self.motion_before = self._with_empty_place(MOTION_DIMS)
        self.motion_before[0, :-1] = saturated(self.last[:, :MOTION_DIMS])
        return self.last

    def _take_group(
        self, take: Take, index: int, group: PositionGroup, known: Tensor, context: Tensor | None, *, rest: bool
    ) -> None:
        reader, tokens_at = self.prior.reader, self.groups[TOKEN_GROUP]
        parts = [reader.tokens(index, part, known, context, self.condition) for part in _parts(group)]
        tokens = take(Stop(TOKEN_GROUP, group.positions, tokens_at), _joined([p for p, _ in parts]))
        self.levels[group.positions, tokens_at] = tokens
        if not rest:
            return
        split = tokens[None].split(ROWS_AT_ONCE, dim=1)
        streams = [stream for _, stream in parts]
        others = _joined([reader.rest(*both) for both in zip(split, streams, strict=True)])
        for number in range(FIRST_REST_GROUP, len(self.groups)):
            part = self.groups[number]
            local = slice(part.start - tokens_at.stop, part.stop - tokens_at.stop)
            location, scale, tail = (p[..., local] for p in others)
            stop = Stop(number, group.positions, part)
            self.levels[group.positions, part] = take(stop, (location, scale, tail))

    def _context(self, last: Tensor) -> Tensor:
        before, motion = (
            rows.reshape(1, *self.size, -1) for rows in (last[:, MOTION_DIMS:], self.levels[:, :MOTION_DIMS])
        )
        self.memory = self.prior.context(before, self.memory, motion, self.condition)
        return self.memory.flatten(1, 2)

    def _position_groups(self) -> list[tuple[int, PositionGroup]]:
        """The groups that have positions, with their numbers."""
        return [(index, group) for index, group in enumerate(position_groups(*self.size)) if len(group.positions)]

    def _with_empty_place(self, columns: int) -> Tensor:
        h, w = self.size
        return torch.zeros(1, h * w + 1, columns, dtype=torch.int8)


def _parts(group: PositionGroup) -> list[PositionGroup]:
    """The group's positions, ROWS_AT_ONCE at a time."""
    rows = zip(*(x.split(ROWS_AT_ONCE) for x in (group.positions, group.neighbours, group.around)), strict=True)
    return [PositionGroup(*part) for part in rows]


def _joined(parts: Sequence[Parameters]) -> Parameters:
    """The parameters of all parts of a group, [1, n, …] each."""
    location, scale, tail = (torch.cat(p, dim=1) for p in zip(*parts, strict=True))
    return location, scale, tail
