"""The prior of the motion dimensions, and what is done with motion once it is known.

Motion is coded before the other dimensions of a latent frame, group by group as they are (`schedule.py`),
from the neighbours' motion and that of the latent frame before. Then memory and levels of the latent frame
before are moved along, so that the context of a position is that of its content, not of its place.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nvcodec.prior.distribution import PARAMETERS, Parameters, parameters_of
from nvcodec.prior.fixed_point import (
    ACTIVATION_SCALE,
    compand,
    neighbourhoods,
    saturated,
    scaled_down,
    stream_to_int8,
    sum_to_stream,
)
from nvcodec.prior.linear import IntLinear, IntMlp
from nvcodec.prior.schedule import NEIGHBOURS, SPREAD, PositionGroup
from nvcodec.tokenizer.conditioning import CONDITIONS
from nvcodec.tokenizer.motion import MOTION_DIMS

POSITION_BITS = 4  # a motion level is half a pixel, a position has eight: 2⁴ levels


class MotionReader(nn.Module):
    """Neighbours' motion, here and in the latent frame before, to the distributions of a group's motion."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inputs = 2 * len(NEIGHBOURS) * MOTION_DIMS
        self.neighbours = nn.ModuleList(IntLinear(inputs, width) for _ in SPREAD)
        self.straight = nn.ModuleList(IntLinear(inputs, MOTION_DIMS, gain=0.2, bias=False) for _ in SPREAD)
        self.condition = IntLinear(CONDITIONS, width, gain=0.2)
        self.mlp = IntMlp(width, 2)
        self.head = IntLinear(width, PARAMETERS * MOTION_DIMS, gain=0.3)

    def forward(
        self, index: int, group: PositionGroup, known: Tensor, before: Tensor, conditions: Tensor
    ) -> Parameters:
        """Distributions of a group's motion levels, `[B, n, 4]` each.

        `known` and `before` [B, h·w + 1, 4]: motion levels decoded so far, and those of the latent frame
        before; zero where there are none and at the last index.
        """
        near = torch.cat(
            [neighbourhoods(known, group.neighbours), neighbourhoods(before, group.around)], dim=-1
        )
        total = self.neighbours[index](compand(near)) + self.condition(conditions)[:, None, :]
        stream = self.mlp(sum_to_stream(total.relu()))
        location, scale, tail = self.head(stream_to_int8(stream)).chunk(PARAMETERS, dim=-1)
        # μ in sixteenths of a level: a weight of 1.0 (WEIGHT_SCALE) on a neighbour's level v is 16 v
        straight = self.straight[index](saturated(near)) * ACTIVATION_SCALE
        return parameters_of(location + straight, scale, tail)


def moved_along(grid: Tensor, motion: Tensor) -> Tensor:
    """`grid` [B, h, w, C] read where `motion` [B, h, w, 4] says the content was, to the nearest position."""
    b, h, w, c = grid.shape
    shift = scaled_down(motion[..., :2], POSITION_BITS).to(torch.int64)
    x = (torch.arange(w, device=grid.device) + shift[..., 0]).clamp(0, w - 1)
    y = (torch.arange(h, device=grid.device)[:, None] + shift[..., 1]).clamp(0, h - 1)
    start = h * w * torch.arange(b, device=grid.device)[:, None, None]
    return grid.reshape(b * h * w, c).index_select(0, (start + y * w + x).flatten()).reshape(b, h, w, c)
