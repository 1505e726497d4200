"""Coding the latent frames of a GOP with the prior: the one walk that encoder and decoder share.

A latent frame is a table of levels, a row for every position: first the MOTION_DIMS columns of motion (zero
in the first latent frame of a GOP and in the token reading), then the D of the latent, the token's
dimensions first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from nvcodec.prior.choice import choose_levels
from nvcodec.prior.cumulative import CoderTables, Cumulative
from nvcodec.prior.distribution import Parameters
from nvcodec.prior.fixed_point import ROWS_AT_ONCE, saturated
from nvcodec.prior.planes import Port, code_levels, code_signs
from nvcodec.prior.schedule import PositionGroup, position_groups
from nvcodec.prior.transformer import Prior
from nvcodec.tokenizer.conditioning import conditions
from nvcodec.tokenizer.motion import MOTION_DIMS

# The columns are dealt to groups that each have a plane count of their own: motion, the token's, the rest.
MOTION_GROUP, TOKEN_GROUP, FIRST_REST_GROUP = 0, 1, 2
REST_GROUPS = 3

# How levels [n, width] of a dimension group, by its number, come about at positions [n]: read, written, chosen.
Take = Callable[[Parameters, int, Tensor], Tensor]


def dimension_groups(latent_dims: int, token_dims: int) -> tuple[slice, ...]:
    """Slices of the columns of levels; one plane count each in a GOP's header."""
    rest = latent_dims - token_dims
    edges = [
        0,
        MOTION_DIMS,
        *(MOTION_DIMS + token_dims + rest * i // REST_GROUPS for i in range(REST_GROUPS + 1)),
    ]
    return tuple(slice(a, b) for a, b in pairwise(edges))


class LatentCoder:
    """Codes the latent frames of one GOP in order; keeps the prior's memory between them."""

    def __init__(
        self, prior: Prior, tables: dict[str, Tensor], h: int, w: int, plane_counts: Sequence[int]
    ) -> None:
        """`prior` is frozen; `tables` are those shipped with it. Nothing else decides a probability.

        `plane_counts`: magnitude planes of each dimension group; empty for the token reading (signs alone).
        """
        self.prior, self.tables, self.plane_counts = prior, CoderTables.of(tables), tuple(plane_counts)
        self.groups = dimension_groups(prior.config.latent_dims, prior.config.token_dims)
        self.size = (h, w)
        self.memory = prior.initial_memory(1, h, w)
        self.last: Tensor | None = None  # [h·w, columns] int32

    @torch.no_grad()
    @torch.autocast("cpu", enabled=False)
    def code(self, port: Port, quality: int, level: Tensor | None) -> Tensor:
        """Pass the next latent frame through the port and return it.

        `level` [h·w, columns] int32, below 2^count in size; None to decode.
        """


        def take(parameters: Parameters, number: int, positions: Tensor) -> Tensor:
            here = None if level is None else level.index_select(0, positions)[:, self.groups[number]]
            return self._pass(port, parameters, number, positions, here)

        condition, out = self._begin(quality)
        if self.last is not None and self.plane_counts and self.plane_counts[MOTION_GROUP]:
            self._walk_motion(take, condition, out)
        return self._finish(take, condition, out)

    @torch.no_grad()
    @torch.autocast("cpu", enabled=False)
    def choose(self, quality: int, motion: Tensor, scaled: Tensor, shrink: Tensor) -> Tensor:
        """The next latent frame's levels `[h·w, columns]` int32, those worth their bits: for the encoder alone.

        `motion` [h·w, MOTION_DIMS] int32; `scaled` [h·w, D] latent values in units of Δ; `shrink` [D] as in
        `choose_levels`. The walk is that of `code`, with every plane there could be.
        """

        def take(parameters: Parameters, number: int, positions: Tensor) -> Tensor:
            dims = slice(self.groups[number].start - MOTION_DIMS, self.groups[number].stop - MOTION_DIMS)
            location, scale, tail = (p[0] for p in parameters)
            values = scaled.index_select(0, positions)[:, dims]
            return choose_levels(values, (location, scale, tail), shrink[dims]).to(torch.int32)

        condition, out = self._begin(quality)
        out[:, :MOTION_DIMS] = motion
        return self._finish(take, condition, out)

    def _begin(self, quality: int) -> tuple[Tensor, Tensor]:
        """What the prior is told of the next latent frame, and its levels, zero so far."""
        h, w = self.size
        condition = conditions(quality, first=self.last is None)[None].to(torch.int8)
        return condition, torch.zeros(h * w, self.groups[-1].stop, dtype=torch.int32)

    def _finish(self, take: Take, condition: Tensor, out: Tensor) -> Tensor:
        """The latent frame `out` whose motion is known, all of it taken."""
        context = None if self.last is None else self._context(self.last, out, condition)
        self._walk_latent(take, condition, context, out)
        self.last = out
        return out

    def _context(self, last: Tensor, out: Tensor, condition: Tensor) -> Tensor:
        before, motion = (
            rows.reshape(1, *self.size, -1) for rows in (last[:, MOTION_DIMS:], out[:, :MOTION_DIMS])
        )
        self.memory = self.prior.context(before, self.memory, motion, condition)
        return self.memory.flatten(1, 2)

    def _walk_motion(self, take: Take, condition: Tensor, out: Tensor) -> None:
        assert self.last is not None
        before, known = self._with_empty_place(MOTION_DIMS), self._with_empty_place(MOTION_DIMS)
        before[0, :-1] = saturated(self.last[:, :MOTION_DIMS])
        for index, group in self._position_groups():
            parts = [self.prior.motion(index, part, known, before, condition) for part in _parts(group)]
            motion = take(_joined(parts), MOTION_GROUP, group.positions)
            out[group.positions, :MOTION_DIMS] = motion
            known[0, group.positions] = saturated(motion)

    def _walk_latent(self, take: Take, condition: Tensor, context: Tensor | None, out: Tensor) -> None:
        known = self._with_empty_place(self.prior.config.latent_dims)
        tokens_at = self.groups[TOKEN_GROUP]
        for index, group in self._position_groups():
            parts = [
                self.prior.reader.tokens(index, part, known, context, condition) for part in _parts(group)
            ]
            tokens = take(_joined([p for p, _ in parts]), TOKEN_GROUP, group.positions)
            out[group.positions, tokens_at] = tokens
            if any(self.plane_counts[FIRST_REST_GROUP:]):
                split = tokens[None].split(ROWS_AT_ONCE, dim=1)
                streams = [stream for _, stream in parts]
                rest = _joined([self.prior.reader.rest(*both) for both in zip(split, streams, strict=True)])
                for number in range(FIRST_REST_GROUP, len(self.groups)):
                    part = self.groups[number]
                    local = slice(part.start - tokens_at.stop, part.stop - tokens_at.stop)
                    location, scale, tail = (p[..., local] for p in rest)
                    out[group.positions, part] = take((location, scale, tail), number, group.positions)
            known[0, group.positions] = saturated(out.index_select(0, group.positions)[:, MOTION_DIMS:])

    def _position_groups(self) -> list[tuple[int, PositionGroup]]:
        """The groups that have positions, with their numbers."""
        return [
            (index, group) for index, group in enumerate(position_groups(*self.size)) if len(group.positions)
        ]

    def _with_empty_place(self, columns: int) -> Tensor:
        h, w = self.size
        return torch.zeros(1, h * w + 1, columns, dtype=torch.int8)

    def _pass(
        self, port: Port, parameters: Parameters, number: int, positions: Tensor, here: Tensor | None
    ) -> Tensor:
        """The levels `[n, width]` int32 of dimension group `number`; `here` [n, width]: the true ones."""
        part = self.groups[number]
        if self.plane_counts and not self.plane_counts[number]:
            return torch.zeros(len(positions), part.stop - part.start, dtype=torch.int32)
        port.begin(positions, part)
        cumulative = Cumulative.of(parameters, self.tables)
        levels = None if here is None else here.reshape(-1)
        if not self.plane_counts:
            return code_signs(cumulative, port, levels).reshape(len(positions), -1)
        return code_levels(cumulative, self.plane_counts[number], port, levels).reshape(len(positions), -1)


def _parts(group: PositionGroup) -> list[PositionGroup]:
    """The group's positions, ROWS_AT_ONCE at a time."""
    rows = zip(
        *(x.split(ROWS_AT_ONCE) for x in (group.positions, group.neighbours, group.around)), strict=True
    )
    return [PositionGroup(*part) for part in rows]


def _joined(parts: Sequence[Parameters]) -> Parameters:
    """The parameters of all parts of a group, [1, n, …] each."""
    location, scale, tail = (torch.cat(p, dim=1) for p in zip(*parts, strict=True))
    return location, scale, tail
