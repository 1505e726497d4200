"""From the distributions of levels to the bits of their planes, for the encoder and the decoder alike.

A `Port` passes bits: the encoder's is told the true bits and notes them with their probabilities, the
decoder's is asked for them. `code_levels` walks the planes once, for both.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from nvcodec.prior.cumulative import Cumulative, probability


class Port(Protocol):
    """Where bits go to or come from."""

    def begin(self, positions: Tensor, dims: slice) -> None:
        """The next calls are about these grid positions and dimensions; a coefficient's index runs over dims first."""
        ...

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        """Pass the bits of one plane.

        `p` [n] int32: probabilities of a 1, in 1/2¹⁶; `bits` [n] bool, None to decode; `plane`: its name, as
        `nvcodec info` shows it; `where` [n]: the indices of the coefficients they belong to. Returns [n] bool.
        """
        ...


def code_levels(cumulative: Cumulative, planes: int, port: Port, levels: Tensor | None) -> Tensor:
    """Pass levels `[n]` int32 through the port, `planes` magnitude planes from the most significant down.

    With `levels` None they are decoded. |level| < 2^planes. In every plane first the significance of what is
    not yet significant, then the signs of what has just become so, then the refinement of what was before.
    """
    n = cumulative.location.numel()
    magnitude = torch.zeros(n, dtype=torch.int32)
    negative = torch.zeros(n, dtype=torch.bool)
    if planes == 0:
        return magnitude
    true_magnitude = None if levels is None else levels.abs()
    quiet = torch.arange(n)  # indices of what is insignificant so far
    quiet_cumulative = cumulative
    lowest, highest = cumulative.below(1 - 2**planes), cumulative.below(2**planes)
    for plane in reversed(range(planes)):
        bit = 1 << plane
        loud = torch.nonzero(magnitude).flatten()
        inner_low, inner_high = quiet_cumulative.below(1 - bit), quiet_cumulative.below(bit)
        whole = highest - lowest
        p = probability(whole - (inner_high - inner_low), whole)
        significant = port(
            p, None if true_magnitude is None else true_magnitude[quiet] >= bit, f"significance {plane}", quiet
        )
        new = torch.nonzero(significant).flatten()
        new_index = quiet[new]
        below = inner_low[new] - lowest[new]
        p = probability(below, below + highest[new] - inner_high[new])
        negative[new_index] = port(p, None if levels is None else levels[new_index] < 0, "sign", new_index)
        magnitude[new_index] = bit
        if len(loud):
            _refine(cumulative, magnitude, negative, loud, bit, port, true_magnitude)
        keep = torch.nonzero(~significant).flatten()
        quiet, lowest, highest = quiet[keep], inner_low[keep], inner_high[keep]
        quiet_cumulative = quiet_cumulative.select(keep) if plane else quiet_cumulative
    return torch.where(negative, -magnitude, magnitude)


def _refine(
    cumulative: Cumulative,
    magnitude: Tensor,
    negative: Tensor,
    loud: Tensor,
    bit: int,
    port: Port,
    true_magnitude: Tensor | None,
) -> None:
    """Halve the intervals of the significant coefficients `loud`, changing `magnitude` in place."""
    here = cumulative.select(loud)
    sign = torch.where(negative[loud], -1, 1).to(torch.int32)
    known = magnitude[loud]
    # levels known … known + 2·bit − 1 on the coefficient's side; C counts from below, so mirror the negative ones
    turn = torch.where(negative[loud], 1, 0).to(torch.int32)
    near, middle, far = (here.below(sign * (known + offset) + turn) for offset in (0, bit, 2 * bit))
    p = probability((far - middle).abs(), (far - near).abs())
    bits = port(
        p, None if true_magnitude is None else (true_magnitude[loud] & bit) != 0, f"refinement {bit.bit_length() - 1}", loud
    )
    magnitude[loud] = known + bit * bits.to(torch.int32)


def code_signs(cumulative: Cumulative, port: Port, levels: Tensor | None) -> Tensor:
    """Pass signs `[n]` int32 in ±1 through the port, all of them: the token reading."""
    below = cumulative.below_zero_point()
    whole = cumulative.below(256) - cumulative.below(-255)
    everywhere = torch.arange(below.numel())
    positive = port(probability(whole - below, whole), None if levels is None else levels > 0, "sign", everywhere)
    return torch.where(positive, 1, -1).to(torch.int32)
