"""The distribution of a level (`distribution.py`) in integers: cumulative tables, and what is asked of them.

C(x), x half-way between two levels, is (1 − κ) · L(u) + κ · T(u) in 1/2²⁴ at u = (x − μ) / s, both tables at
steps of 1/32 up to |u| = 64, plus a ramp that gives every level a mass of at least RAMP / 2²⁴. The tables are
rounded once, when weights are exported, and shipped with them: no machine computes them anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.prior.distribution import LOCATION_SCALE, SCALES, TAIL_WEIGHTS, Parameters, scale_of

STEPS_PER_UNIT = 32
REACH = 64 * STEPS_PER_UNIT
ENTRIES = 2 * REACH + 1
INVERSE_BITS = 12
MASS = 2**24
RAMP = 2
LEVELS = 256  # every |level| is smaller
PROBABILITY_ONE = 2**16


def make_tables() -> dict[str, Tensor]:
    """`inverse` [SCALES], `logistic` and `heavy` [ENTRIES], int32."""
    u = torch.arange(-REACH, REACH + 1, dtype=torch.float64) / STEPS_PER_UNIT
    inverse = (
        2**INVERSE_BITS
        * STEPS_PER_UNIT
        / LOCATION_SCALE
        / scale_of(torch.arange(SCALES, dtype=torch.float64))
    )
    heavy = 0.5 + u / (2 * torch.sqrt(2 + u * u))
    return {
        "inverse": torch.round(inverse).to(torch.int32),
        "logistic": torch.round(torch.sigmoid(u) * MASS).to(torch.int32),
        "heavy": torch.round(heavy * MASS).to(torch.int32),
    }


@dataclass(frozen=True, eq=False)
class CoderTables:
    """The tables as the coder looks them up."""

    inverse: Tensor  # [SCALES] int32
    mixed: Tensor  # [(TAIL_WEIGHTS + 1) · ENTRIES] int32, (1 − κ) · L + κ · T for every κ

    @classmethod
    def of(cls, tables: dict[str, Tensor]) -> CoderTables:
        """From those of `make_tables`, as shipped."""
        logistic, heavy = tables["logistic"], tables["heavy"]
        tail = torch.arange(TAIL_WEIGHTS + 1, dtype=torch.int32)[:, None]
        mixed = logistic + (((heavy - logistic) * tail) >> TAIL_WEIGHTS.bit_length() - 1)
        return cls(tables["inverse"], mixed.flatten())


@dataclass(frozen=True, eq=False)
class Cumulative:
    """C of many coefficients at once. All tensors but the tables [n] int32."""

    location: Tensor  # μ in 1/LOCATION_SCALE
    inverse: Tensor  # 1/s in fixed point
    middle: Tensor  # where the table of the coefficient's κ has u = 0
    tables: CoderTables

    @classmethod
    def of(cls, parameters: Parameters, tables: CoderTables) -> Cumulative:
        """From the prior's integers (μ, s index, κ), int32 of any one shape, which is flattened."""
        location, scale, tail = (p.reshape(-1) for p in parameters)
        return cls(location, tables.inverse.index_select(0, scale), tail * ENTRIES + REACH, tables)

    def select(self, where: Tensor) -> Cumulative:
        """The coefficients at indices `where`."""
        location, inverse, middle = (
            x.index_select(0, where) for x in (self.location, self.inverse, self.middle)
        )
        return Cumulative(location, inverse, middle, self.tables)

    def below(self, level: Tensor | int) -> Tensor:
        """C(level − ½) · 2²⁴: the mass of all levels smaller than `level` (±LEVELS at most), int32.

        `level` int32 broadcasts against [n].
        """
        edge = level * LOCATION_SCALE - LOCATION_SCALE // 2 - self.location
        return self._at(edge).add_(RAMP * (level + LEVELS))

    def below_zero_point(self) -> Tensor:
        """C(0) · 2²⁴: the mass on the negative side, for signs that are always sent."""
        return self._at(-self.location).add_(RAMP * LEVELS)

    def _at(self, edge: Tensor) -> Tensor:
        # |edge| < 2¹³ and inverse ≤ 2¹⁷: their product stays within int32. Changes `edge`.
        steps = edge.mul_(self.inverse).bitwise_right_shift_(INVERSE_BITS).clamp_(-REACH, REACH)
        index = steps.add_(self.middle).to(torch.int64)
        return self.tables.mixed.index_select(0, index.flatten()).reshape(index.shape)


def probability(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole in 1/2¹⁶, within 1…65535: the probability a bit is coded with. int32 masses in, int32 out.

    Exact on any machine: both are integers below 2⁴² in float64, and a quotient below 2¹⁶ that is no whole
    number is further from one than rounding can bridge.
    """
    ratio = part.to(torch.float64).mul_(PROBABILITY_ONE).div_(whole)
    return ratio.clamp_(1, PROBABILITY_ONE - 1).to(torch.int32)  # positive: rounded down
