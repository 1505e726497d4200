"""The codec reading of the latent: a step Δ, a dead zone, and sign-and-magnitude levels.

A latent value z becomes the level v = sign(z) · floor(|z| / Δ + 1 − τ) with the dead-zone threshold τ.
The magnitude planes of |v|, most significant first, together with the sign are the bit-planes of the
stream: the first 1 of a magnitude makes the coefficient *significant* (its sign follows), every later
bit is a *refinement* that halves what is left.
"""

from __future__ import annotations

import torch
from torch import Tensor

QUALITY_MIN, QUALITY_MAX = 1, 100
COARSEST_STEP = 1.6
QUALITIES_PER_OCTAVE = 18
DEAD_ZONE = 0.6  # τ: |z| below τΔ is insignificant; above 0.5 because a zero is cheaper than what it loses
LAGRANGIAN = 0.18  # λ / Δ²: what a bit may cost in squared error, measured best at low rates
LEVEL_PLANES = 8
LEVEL_MAX = 2**LEVEL_PLANES - 1


def step_size(quality: int) -> float:
    """Δ of a quality in 1…100, in units of the tokenizer's orthonormal latent (pixel values in 0…1)."""
    if not QUALITY_MIN <= quality <= QUALITY_MAX:
        raise ValueError(f"quality {quality} is not in {QUALITY_MIN}…{QUALITY_MAX}")
    return COARSEST_STEP * 2.0 ** (-quality / QUALITIES_PER_OCTAVE)


def quantize(latent: Tensor, step: Tensor | float) -> Tensor:
    """Signed levels of a latent of any shape, as floats holding integers in ±LEVEL_MAX.

    `step` broadcasts against the latent: a number, or a map of Δ for every position.
    """
    scaled = latent / step
    level = torch.sign(scaled) * torch.floor(scaled.abs() + (1 - DEAD_ZONE))
    return level.clamp(-LEVEL_MAX, LEVEL_MAX)


def keep_planes(level: Tensor, dropped: int) -> Tensor:
    """Levels as known when the `dropped` least significant magnitude planes are missing.

    A magnitude known only to lie in [m, m + 2^dropped − 1] is read at the middle of that range, so the
    result holds half integers; what was not significant in the planes kept reads as zero.
    """
    if dropped == 0:
        return level
    coarse = torch.floor(level.abs() / 2**dropped) * 2**dropped
    middle = coarse + (2**dropped - 1) / 2
    return torch.where(coarse > 0, torch.sign(level) * middle, torch.zeros_like(level))
