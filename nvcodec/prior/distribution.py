"""The distribution of a level: a location μ, a scale s and a weight κ of the heavy tail, all integers.

P(v ≤ x) = (1 − κ) · L((x + ½ − μ) / s) + κ · T((x + ½ − μ) / s), with L the logistic distribution and T
Student's t with two degrees of freedom, T(u) = ½ + u / (2 √(2 + u²)): levels are sparse, and where 0 is
likely a 2 is far less unlikely than the square of a 1, which a logistic alone cannot say.

This file holds the real-valued form that training differentiates; `cumulative.py` evaluates the same
in integers for the coder.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nvcodec.prior.fixed_point import WEIGHT_BITS, scaled_down, within

PARAMETERS = 3  # μ, s and κ of every dimension
Parameters = tuple[Tensor, Tensor, Tensor]
LOCATION_SCALE = 16  # μ is in sixteenths of a level
LOCATION_MAX = 256 * LOCATION_SCALE - 1
SCALES = 64
SCALES_PER_OCTAVE = 5
UNIT_SCALE_INDEX = 20  # the index of s = 1
TAIL_WEIGHTS = 16
TAIL_START = 4


def parameters_of(location: Tensor, scale: Tensor, tail: Tensor) -> Parameters:
    """Sums of a head, one tensor for each parameter, to integer (μ, s index, κ) of the same shapes."""
    location = within(scaled_down(location, WEIGHT_BITS), -LOCATION_MAX, LOCATION_MAX)
    scale = within(scaled_down(scale, WEIGHT_BITS + 2) + UNIT_SCALE_INDEX, 0, SCALES - 1)
    tail = within(scaled_down(tail, WEIGHT_BITS + 2) + TAIL_START, 0, TAIL_WEIGHTS)
    return location, scale, tail


def scale_of(index: Tensor) -> Tensor:
    """s, in levels, of a scale index."""
    return torch.exp2((index - UNIT_SCALE_INDEX) / SCALES_PER_OCTAVE)


def _interval(low: Tensor, high: Tensor, tail: Tensor) -> Tensor:
    """Probability between two normalised edges; symmetry keeps precision where both are far out."""
    flip = torch.where(low + high > 0, -1.0, 1.0)
    low, high = flip * low, flip * high
    logistic = (torch.sigmoid(high) - torch.sigmoid(low)).abs()
    heavy = (high * torch.rsqrt(2 + high * high) - low * torch.rsqrt(2 + low * low)).abs() / 2
    return logistic + tail * (heavy - logistic)


def level_bits(level: Tensor, parameters: Parameters) -> Tensor:
    """−log₂ P(level), differentiable in the level (straight-through) and in the parameters; same shape."""
    location, scale, tail = parameters
    centre = level - location / LOCATION_SCALE
    inverse = 1 / scale_of(scale)
    p = _interval((centre - 0.5) * inverse, (centre + 0.5) * inverse, tail / TAIL_WEIGHTS)
    return -torch.log2(p.clamp_min(2.0**-20))


def sign_bits(sign: Tensor, parameters: Parameters) -> Tensor:
    """−log₂ P(sign) for signs ±1 that are always sent (the token reading): the mass on their side of 0."""
    location, scale, tail = parameters
    u = sign * location / LOCATION_SCALE / scale_of(scale)
    logistic, heavy = torch.sigmoid(u), 0.5 + u * torch.rsqrt(2 + u * u) / 2
    return -torch.log2((logistic + tail / TAIL_WEIGHTS * (heavy - logistic)).clamp_min(2.0**-16))
