"""The distribution of a level (`distribution.py`) in integers: cumulative tables and what the coder asks of them.

C(x), x half-way between two levels, is (1 − κ) · L(u) + κ · T(u) in 1/2²⁴ at u = (x − μ) / s, both tables at
steps of 1/32 up to |u| = 64, plus a ramp that gives every level a mass of at least RAMP / 2²⁴. The tables are
rounded once, when weights are exported, and shipped with them: no machine computes them anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.prior.distribution import LOCATION_SCALE, SCALES, TAIL_WEIGHTS, scale_of

STEPS_PER_UNIT = 32
REACH = 64 * STEPS_PER_UNIT
INVERSE_BITS = 12
MASS = 2**24
RAMP = 2
PROBABILITY_ONE = 2**16


def make_tables() -> dict[str, Tensor]:
    """`inverse` [SCALES], `logistic` and `heavy` [2·REACH + 1], int32."""
    u = torch.arange(-REACH, REACH + 1, dtype=torch.float64) / STEPS_PER_UNIT
    inverse = 2**INVERSE_BITS * STEPS_PER_UNIT / LOCATION_SCALE / scale_of(torch.arange(SCALES, dtype=torch.float64))
    heavy = 0.5 + u / (2 * torch.sqrt(2 + u * u))
    return {
        "inverse": torch.round(inverse).to(torch.int32),
        "logistic": torch.round(torch.sigmoid(u) * MASS).to(torch.int32),
        "heavy": torch.round(heavy * MASS).to(torch.int32),
    }


@dataclass(frozen=True)
class Cumulative:
    """C of many coefficients at once: their integer parameters with the tables. All tensors int32, one shape."""

    location: Tensor  # μ in 1/LOCATION_SCALE
    inverse: Tensor  # 1/s in fixed point
    tail: Tensor  # κ in 1/TAIL_WEIGHTS
    tables: dict[str, Tensor]

    @classmethod
    def of(cls, parameters: tuple[Tensor, Tensor, Tensor], tables: dict[str, Tensor]) -> Cumulative:
        """From the prior's float tensors of integers (μ, s index, κ), each `[..., n]`, flattened."""
        location, scale, tail = (p.reshape(-1).to(torch.int32) for p in parameters)
        return cls(location, tables["inverse"][scale], tail, tables)

    def select(self, where: Tensor) -> Cumulative:
        """The coefficients at indices `where`."""
        return Cumulative(self.location[where], self.inverse[where], self.tail[where], self.tables)

    def below(self, level: Tensor | int) -> Tensor:
        """C(level − ½) · 2²⁴: the mass of all levels smaller than `level` (±2⁸ at most), int32."""
        edge = level * LOCATION_SCALE - LOCATION_SCALE // 2 - self.location
        return self._at(edge) + RAMP * (level + 256)

    def below_zero_point(self) -> Tensor:
        """C(0) · 2²⁴: the mass on the negative side, for signs that are always sent."""
        return self._at(-self.location) + RAMP * 256

    def _at(self, edge: Tensor) -> Tensor:
        # |edge| < 2¹³ and inverse < 2¹⁸: their product stays within int32
        index = ((edge * self.inverse) >> INVERSE_BITS).clamp_(-REACH, REACH) + REACH
        logistic = self.tables["logistic"][index]
        return logistic + (((self.tables["heavy"][index] - logistic) * self.tail) >> TAIL_WEIGHTS.bit_length() - 1)


def probability(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole in 1/2¹⁶, within 1…65535: the probability a bit is coded with. int32 masses in, int32 out.

    Exact on any machine: both are integers below 2⁴¹ in float64, and IEEE division and floor are exact functions.
    """
    ratio = torch.floor(part.to(torch.float64) * PROBABILITY_ONE / whole.to(torch.float64))
    return ratio.clamp_(1, PROBABILITY_ONE - 1).to(torch.int32)
