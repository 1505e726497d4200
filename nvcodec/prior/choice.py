"""Rate–distortion optimisation: of the levels near a value, or of motions near what was found, those worth their bits.

A level that the prior does not expect may cost more than it saves, most of all a lone ±1 among zeros, so the
encoder weighs squared error against the prior's own price. The decoder knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nvcodec.prior.distribution import LOCATION_SCALE, Parameters, level_bits
from nvcodec.tokenizer.motion import MOTION_LEVEL_MAX
from nvcodec.tokenizer.quantize import LEVEL_MAX

COST_PER_BIT = 0.17  # in Δ², measured best on training clips; training itself weighs bits with 0.18


@torch.no_grad()
def choose_levels(
    scaled: Tensor, parameters: Parameters, shrink: Tensor, cost_per_bit: Tensor | float = COST_PER_BIT
) -> Tensor:
    """Levels, as floats, of latent values `scaled` [..., n] in units of Δ under their distributions [..., n].

    `shrink` [n]: a level v is rebuilt at (|v| − shrink) Δ, as `TinyTokenizer.dequantize` does. Considered are the
    nearest level, the one below it, and zero; the cheapest of (value − rebuilt)² + cost_per_bit · bits is taken.
    `cost_per_bit`, in Δ², broadcasts against `scaled`: more where the picture matters less.
    """
    size = scaled.abs()
    out = torch.zeros_like(scaled)
    where = torch.nonzero(size.flatten() >= 0.5).flatten()  # everything else is nearest to zero
    if not len(where):
        return out
    size, sign = size.flatten()[where], torch.sign(scaled.flatten()[where])
    own: Parameters = tuple(p.flatten()[where].float() for p in parameters)  # type: ignore[assignment]
    inset = shrink.expand(scaled.shape).flatten()[where]
    nearest = torch.floor(size + 0.5).clamp(max=LEVEL_MAX)
    magnitudes = torch.stack([torch.zeros_like(nearest), nearest - 1, nearest])
    rebuilt = (magnitudes - inset) * (magnitudes > 0)
    bits = torch.stack([level_bits(sign * magnitude, own) for magnitude in magnitudes])
    if isinstance(cost_per_bit, Tensor):
        cost_per_bit = cost_per_bit.expand(scaled.shape).flatten()[where]
    best = ((size - rebuilt).square() + cost_per_bit * bits).min(0, keepdim=True).indices  # argmin is far slower
    out.view(-1)[where] = sign * magnitudes.gather(0, best)[0]
    return out


# From a field [B, h·w, 4], positions [n] and candidates there [K, B, n, 4] to their errors [K, B, n], in bits' worth.
MotionError = Callable[[Tensor, Tensor, Tensor], Tensor]


@torch.no_grad()
def choose_motion(field: Tensor, positions: Tensor, parameters: Parameters, error: MotionError) -> Tensor:
    """Motion `[B, n, 4]` at `positions` [n] of a field `[B, h·w, 4]`, under its distributions `[B, n, 4]`.

    Considered are what the field has there, what the prior expects, and end and bend of one with the other's.
    """
    here = field.index_select(1, positions)
    expected = torch.floor(parameters[0].float() / LOCATION_SCALE + 0.5)
    expected = expected.clamp(-MOTION_LEVEL_MAX, MOTION_LEVEL_MAX).to(field.dtype)
    candidates = torch.stack(
        [
            here,
            expected,
            torch.cat([here[..., :2], expected[..., 2:]], dim=-1),
            torch.cat([expected[..., :2], here[..., 2:]], dim=-1),
        ]
    )
    own: Parameters = tuple(p.float() for p in parameters)  # type: ignore[assignment]
    cost = error(field, positions, candidates) + level_bits(candidates.float(), own).sum(-1)
    best = cost.min(0).indices[None, ..., None].expand(-1, -1, -1, candidates.shape[-1])
    return candidates.gather(0, best)[0]
