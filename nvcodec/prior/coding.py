"""Coding the latent frames of a GOP with the prior: their levels through a port, plane by plane."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nvcodec.prior.cumulative import CoderTables, Cumulative
from nvcodec.prior.distribution import Parameters
from nvcodec.prior.planes import Port, code_levels, code_signs
from nvcodec.prior.transformer import Prior
from nvcodec.prior.walk import FIRST_REST_GROUP, MOTION_GROUP, LatentWalk, Stop


class PlaneCoder:
    """Passes the levels of a stop through a port under their distributions; nothing else decides a probability.

    `tables` are those shipped with the prior. `plane_counts`: magnitude planes of each dimension group, in all
    latent frames or first in the first and then in the others; empty for the token reading (signs alone).
    """

    def __init__(self, tables: dict[str, Tensor], plane_counts: Sequence[int], groups: int) -> None:
        self.tables = CoderTables.of(tables)
        self.first, self.others = tuple(plane_counts[:groups]), tuple(plane_counts[-groups:])

    def counts(self, *, first: bool) -> tuple[int, ...]:
        """Those of a latent frame; none for the token reading."""
        return self.first if first else self.others

    def pass_stop(
        self, port: Port, stop: Stop, parameters: Parameters, levels: Tensor | None, *, first: bool
    ) -> Tensor:
        """The levels `[n, width]` int32 of a stop; `levels` [n, width]: the true ones, None to decode."""
        width, counts = stop.columns.stop - stop.columns.start, self.counts(first=first)
        if counts and not counts[stop.number]:
            return torch.zeros(len(stop.positions), width, dtype=torch.int32)
        port.begin(stop.positions, stop.columns)
        cumulative = Cumulative.of(parameters, self.tables)
        flat = None if levels is None else levels.reshape(-1)
        if not counts:
            return code_signs(cumulative, port, flat).reshape(-1, width)
        return code_levels(cumulative, counts[stop.number], port, flat).reshape(-1, width)


class LatentCoder:
    """Codes the latent frames of one GOP in order, those that are known or those that are asked for.

    `prior` is frozen; `tables` and `plane_counts` as `PlaneCoder` takes them.
    """

    def __init__(
        self, prior: Prior, tables: dict[str, Tensor], h: int, w: int, plane_counts: Sequence[int]
    ) -> None:
        self.walk = LatentWalk(prior, h, w)
        self.planes = PlaneCoder(tables, plane_counts, len(self.walk.groups))

    @torch.no_grad()
    @torch.autocast("cpu", enabled=False)
    def code(self, port: Port, quality: int, level: Tensor | None) -> Tensor:
        """Pass the next latent frame through the port and return it.

        `level` [h·w, columns] int32, below 2^count in size; None to decode.
        """

        walk, first = self.walk, self.walk.last is None
        counts = self.planes.counts(first=first)

        def take(stop: Stop, parameters: Parameters) -> Tensor:
            here = None if level is None else level.index_select(0, stop.positions)[:, stop.columns]
            return self.planes.pass_stop(port, stop, parameters, here, first=first)

        walk.begin(quality)
        if not first and counts and counts[MOTION_GROUP]:
            walk.take_motion(take)
        return walk.take_latent(take, rest=any(counts[FIRST_REST_GROUP:]))
