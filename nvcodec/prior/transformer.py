"""The coding prior: a small integer transformer over the latent frames already known.

Once per latent frame, windowed attention turns the levels of the latent frame before and a memory of those
before it into a context; then each group of positions (`schedule.py`) reads its context and its decoded
neighbours, and gives the distribution of the token's dimensions, and, once those are known, of the rest.
All arithmetic is exact (`fixed_point.py`): whole passes, step-by-step ones, batches and thread counts agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nvcodec.prior.attention import WINDOW, WindowAttention
from nvcodec.prior.distribution import PARAMETERS, parameters_of
from nvcodec.prior.fixed_point import (
    ACTIVATION_SCALE,
    INT8,
    IntLinear,
    IntMlp,
    stream_to_int8,
    sum_to_stream,
)
from nvcodec.prior.schedule import NEIGHBOURS, SPREAD, PositionGroup
from nvcodec.tokenizer.conditioning import CONDITIONS

Parameters = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class PriorConfig:
    """Sizes of the prior. The defaults are those of the shipped weights."""

    latent_dims: int = 64
    token_dims: int = 18
    width: int = 96
    context_blocks: int = 2
    expansion: int = 2


# No entry lies within 0.001 of a rounding boundary, so every machine's log2 gives this table.
_COMPANDED = torch.tensor([math.floor(ACTIVATION_SCALE * math.log2(1 + v) + 0.5) for v in range(INT8 + 1)])


def compand(level: Tensor) -> Tensor:
    """Levels as int8 activations: sign · 16 · log₂(1 + |v|), rounded, so that ±127 stays within ±112."""
    table = _COMPANDED.to(level.device, level.dtype)
    return torch.sign(level) * table[level.abs().clamp(max=INT8).to(torch.int32)]


class ContextTransformer(nn.Module):
    """Levels of the last latent frame and the memory so far to the context, which is the next memory."""

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.embed = IntLinear(config.latent_dims + config.width, config.width)
        self.condition = IntLinear(CONDITIONS, config.width, gain=0.2)
        self.blocks = nn.ModuleList(
            nn.Sequential(WindowAttention(config.width, WINDOW // 2 * (i % 2)), IntMlp(config.width, config.expansion))
            for i in range(config.context_blocks)
        )

    def forward(self, level: Tensor, memory: Tensor, conditions: Tensor) -> Tensor:
        """`level` [B, h, w, D], `memory` [B, h, w, C] int8, `conditions` [B, CONDITIONS] to [B, h, w, C] int8."""
        total = self.embed(torch.cat([compand(level), memory], dim=-1))
        stream = sum_to_stream(total + self.condition(conditions)[:, None, None, :])
        for block in self.blocks:
            stream = block(stream)
        return stream_to_int8(stream)


class GroupReader(nn.Module):
    """Context and decoded neighbours of a group of positions to the distributions of its levels."""

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        d, a, width = config.latent_dims, config.token_dims, config.width
        self.token_dims = a
        self.neighbours = nn.ModuleList(IntLinear(len(NEIGHBOURS) * d, width) for _ in SPREAD)
        self.linear = nn.ModuleList(IntLinear(len(NEIGHBOURS) * a, a, gain=0.1, bias=False) for _ in SPREAD)
        self.context = IntLinear(width, width)
        self.condition = IntLinear(CONDITIONS, width, gain=0.2)
        self.first_mlp = IntMlp(width, config.expansion)
        self.token_head = IntLinear(width, PARAMETERS * a, gain=0.3)
        self.token_embed = IntLinear(a, width)
        self.rest_mlp = IntMlp(width, config.expansion)
        self.rest_head = IntLinear(width, PARAMETERS * (d - a), gain=0.3)

    def tokens(
        self, index: int, group: PositionGroup, known: Tensor, context: Tensor | None, conditions: Tensor
    ) -> tuple[Parameters, Tensor]:
        """Distributions of the token's dimensions, [B, n, A] each, and the stream `rest` goes on from.

        `known` [B, h·w + 1, D]: levels of the positions decoded so far, zero elsewhere and at the last index;
        `context` [B, h·w, C] int8, None in the first latent frame of a GOP.
        """
        near = compand(known)[:, group.neighbours].flatten(2)  # [B, n, 9·D]
        total = self.neighbours[index](near) + self.condition(conditions)[:, None, :]
        if context is not None:
            total = total + self.context(context[:, group.positions])
        stream = self.first_mlp(sum_to_stream(total.relu()))
        head = self.token_head(stream_to_int8(stream))
        # μ in sixteenths of a level: a weight of 1.0 (WEIGHT_SCALE) on a neighbour's level v is 16 v
        levels = known[..., : self.token_dims].clamp(-INT8, INT8)[:, group.neighbours].flatten(2)  # [B, n, 9·A]
        straight = self.linear[index](levels) * ACTIVATION_SCALE
        location, others = head[..., : self.token_dims], head[..., self.token_dims :]
        return parameters_of(torch.cat([location + straight, others], dim=-1)), stream

    def rest(self, tokens: Tensor, stream: Tensor) -> Parameters:
        """Distributions of the other dimensions given the token's levels `[B, n, A]`."""
        stream = self.rest_mlp(stream + sum_to_stream(self.token_embed(compand(tokens))))
        return parameters_of(self.rest_head(stream_to_int8(stream)))


class Prior(nn.Module):
    """Context once per latent frame, then group by group. See the module's docstring."""

    def __init__(self, config: PriorConfig = PriorConfig()) -> None:
        super().__init__()
        self.config = config
        self.context = ContextTransformer(config)
        self.reader = GroupReader(config)

    def freeze(self) -> None:
        """Turn every weight into the integer it stands for: the form that is shipped and that codes."""
        for module in self.modules():
            if isinstance(module, IntLinear | WindowAttention):
                module.freeze()
        self.eval()

    def initial_memory(self, batch: int, h: int, w: int) -> Tensor:
        """The memory before the first latent frame: nothing."""
        return self.context.embed.weight.new_zeros(batch, h, w, self.config.width)
