"""Coding the latent frames of a GOP with the prior: the one walk that encoder and decoder share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nvcodec.prior.cumulative import Cumulative
from nvcodec.prior.planes import Port, code_levels, code_signs
from nvcodec.prior.schedule import position_groups
from nvcodec.prior.transformer import Parameters, Prior
from nvcodec.tokenizer.conditioning import conditions

# The dimensions are dealt to groups that each have a plane count of their own: those of the token, then what is left.
REST_GROUPS = 3


def dimension_groups(latent_dims: int, token_dims: int) -> tuple[slice, ...]:
    """Slices of the latent's dimensions, the token's first; one plane count each in a GOP's header."""
    rest = latent_dims - token_dims
    edges = [token_dims + rest * i // REST_GROUPS for i in range(REST_GROUPS + 1)]
    return (slice(0, token_dims), *(slice(a, b) for a, b in zip(edges, edges[1:], strict=False)))


class LatentCoder:
    """Codes the latent frames of one GOP in order; keeps the prior's memory between them."""

    def __init__(self, prior: Prior, tables: dict[str, Tensor], h: int, w: int, plane_counts: Sequence[int]) -> None:
        """`plane_counts`: magnitude planes of each dimension group; empty for the token reading (signs alone)."""
        self.prior, self.tables, self.plane_counts = prior, tables, tuple(plane_counts)
        self.groups = dimension_groups(prior.config.latent_dims, prior.config.token_dims)
        self.size = (h, w)
        self.memory = prior.initial_memory(1, h, w)
        self.last: Tensor | None = None

    @torch.no_grad()
    def code(self, port: Port, quality: int, level: Tensor | None) -> Tensor:
        """Pass the next latent frame through the port. `level` [h·w, D] int32, None to decode; returns it."""
        h, w = self.size
        dims, token_dims = self.prior.config.latent_dims, self.prior.config.token_dims
        condition = conditions(quality, first=self.last is None)[None]
        context = None
        if self.last is not None:
            self.memory = self.prior.context(self.last, self.memory, condition)
            context = self.memory.reshape(1, h * w, -1)
        known = torch.zeros(1, h * w + 1, dims)
        out = torch.zeros(h * w, dims, dtype=torch.int32)
        for index, group in enumerate(position_groups(h, w)):
            if not len(group.positions):
                continue
            here = None if level is None else level[group.positions]
            parameters, stream = self.prior.reader.tokens(index, group, known, context, condition)
            tokens = self._pass(port, parameters, self.groups[0], 0, group.positions, here)
            out[group.positions, :token_dims] = tokens
            if any(self.plane_counts[1:]):
                parameters = self.prior.reader.rest(tokens[None].float(), stream)
                for number, part in enumerate(self.groups[1:], start=1):
                    local = slice(part.start - token_dims, part.stop - token_dims)
                    some: Parameters = tuple(p[..., local] for p in parameters)  # type: ignore[assignment]
                    out[group.positions, part] = self._pass(port, some, part, number, group.positions, here)
            known[0, group.positions] = out[group.positions].float()
        self.last = out.reshape(1, h, w, dims).float()
        return out

    def _pass(
        self, port: Port, parameters: Parameters, part: slice, number: int, positions: Tensor, here: Tensor | None
    ) -> Tensor:
        width = part.stop - part.start
        port.begin(positions, part)
        cumulative = Cumulative.of(parameters, self.tables)
        levels = None if here is None else here[:, part].reshape(-1)
        if not self.plane_counts:
            return code_signs(cumulative, positions, port, levels).reshape(-1, width)
        return code_levels(cumulative, self.plane_counts[number], port, levels).reshape(-1, width)
