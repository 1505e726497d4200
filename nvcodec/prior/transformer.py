"""The coding prior: a small integer transformer over the latent frames already known.

Once per latent frame, windowed attention turns the levels of the latent frame before and a memory of those
before it into a context; then each group of positions (`schedule.py`) reads its context and its decoded
neighbours, and gives the distribution of the token's dimensions, and, once those are known, of the rest.
All arithmetic is exact (`fixed_point.py`): whole passes, step-by-step ones, batches and thread counts agree.

Tensors are integers in float32 while training, and once frozen int8 (levels within ±127, memory, context,
conditions), or int32 where it says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nvcodec.prior.attention import WINDOW, WindowAttention
from nvcodec.prior.distribution import PARAMETERS, Parameters, parameters_of
from nvcodec.prior.fixed_point import (
    ACTIVATION_SCALE,
    compand,
    neighbourhoods,
    saturated,
    stream_to_int8,
    sum_to_stream,
)
from nvcodec.prior.linear import IntLinear, IntMlp
from nvcodec.prior.motion import MotionReader, moved_along
from nvcodec.prior.schedule import NEIGHBOURS, SPREAD, PositionGroup
from nvcodec.tokenizer.conditioning import CONDITIONS
from nvcodec.tokenizer.motion import MOTION_DIMS


@dataclass(frozen=True)
class PriorConfig:
    """Sizes of the prior. The defaults are those of the shipped weights."""

    latent_dims: int = 64
    token_dims: int = 18
    width: int = 128
    motion_width: int = 32
    context_blocks: int = 2
    expansion: int = 2


class ContextTransformer(nn.Module):
    """Levels of the last latent frame and the memory so far, moved along with the picture, to the context.

    The context is the next latent frame's memory.
    """

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.embed = IntLinear(config.latent_dims + config.width + MOTION_DIMS, config.width)
        self.condition = IntLinear(CONDITIONS, config.width, gain=0.2)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                WindowAttention(config.width, WINDOW // 2 * (i % 2)), IntMlp(config.width, config.expansion)
            )
            for i in range(config.context_blocks)
        )

    def forward(self, level: Tensor, memory: Tensor, motion: Tensor, conditions: Tensor) -> Tensor:
        """`[B, h, w, C]` activations of levels [B, h, w, D], memory [B, h, w, C] and new motion [B, h, w, 4].

        Levels and motion may be larger than int8 here, and are int32 once frozen.
        """
        past = moved_along(torch.cat([compand(level), memory], dim=-1), motion)
        past = torch.cat([past, compand(motion)], dim=-1)
        condition = self.condition(conditions)[:, None, None, :]
        stream = sum_to_stream(self.embed(past) + condition)
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
        `context` [B, h·w, C], None in the first latent frame of a GOP. The stream is int32 once frozen.
        """
        near = neighbourhoods(compand(known), group.neighbours)  # [B, n, 9·D]
        total = self.neighbours[index](near) + self.condition(conditions)[:, None, :]
        if context is not None:
            total = total + self.context(context.index_select(1, group.positions))
        stream = self.first_mlp(sum_to_stream(total.relu()))
        location, scale, tail = self.token_head(stream_to_int8(stream)).chunk(PARAMETERS, dim=-1)
        # μ in sixteenths of a level: a weight of 1.0 (WEIGHT_SCALE) on a neighbour's level v is 16 v
        levels = neighbourhoods(saturated(known[..., : self.token_dims]), group.neighbours)  # [B, n, 9·A]
        straight = self.linear[index](levels) * ACTIVATION_SCALE
        return parameters_of(location + straight, scale, tail), stream

    def rest(self, tokens: Tensor, stream: Tensor) -> Parameters:
        """Distributions of the other dimensions given the token's levels `[B, n, A]`, of any integers."""
        stream = self.rest_mlp(stream + sum_to_stream(self.token_embed(compand(tokens))))
        return parameters_of(*self.rest_head(stream_to_int8(stream)).chunk(PARAMETERS, dim=-1))


class Prior(nn.Module):
    """Context once per latent frame, then group by group. See the module's docstring."""

    def __init__(self, config: PriorConfig = PriorConfig()) -> None:
        super().__init__()
        self.config = config
        self.motion = MotionReader(config.motion_width)
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
        weight = self.context.embed.weight
        dtype = torch.int8 if self.context.embed.frozen else weight.dtype
        return weight.new_zeros(batch, h, w, self.config.width, dtype=dtype)
