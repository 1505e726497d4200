"""From the distributions of levels to the bits of their planes, for the encoder and the decoder alike.

A `Port` passes bits: the encoder's is told the true bits and notes them with their probabilities, the
decoder's is asked for them. `code_levels` walks the planes once, for both.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from nvcodec.prior.cumulative import LEVELS, Cumulative, probability


class Port(Protocol):
    """Where bits go to or come from."""

    def begin(self, positions: Tensor, dims: slice) -> None:
        """The next calls are about these grid positions and columns; coefficients run over columns first."""
        ...

    def __call__(self, p: Tensor, bits: Tensor | None, plane: str, where: Tensor) -> Tensor:
        """Pass the bits of one plane.

        `p` [n] int32: probabilities of a 1, in 1/2¹⁶; `bits` [n] bool, None to decode; `plane`: its name, as
        `nvcodec info` shows it; `where` [n]: indices of the coefficients they belong to. Returns [n] bool.
        """
        ...


def code_levels(cumulative: Cumulative, planes: int, port: Port, levels: Tensor | None) -> Tensor:
    """Pass levels `[n]` int32 through the port, `planes` magnitude planes from the most significant down.

    With `levels` None they are decoded. |level| < 2^planes ≤ LEVELS. In every plane first the significance of
    what is not yet significant, then the signs of what has just become so, then the refinement of what was
    before.
    """
    walk = _Walk(cumulative, port, levels)
    for plane in reversed(range(planes)):
        walk.pass_plane(plane)
    return walk.magnitude * walk.sign


class _Walk:
    """What is known of the levels while their planes pass."""

    def __init__(self, cumulative: Cumulative, port: Port, levels: Tensor | None) -> None:
        self.cumulative, self.port, self.levels = cumulative, port, levels
        self.true_magnitude = None if levels is None else levels.abs()
        self.magnitude = torch.zeros_like(cumulative.location)
        self.sign = torch.ones_like(self.magnitude)
        self.quiet = torch.arange(len(self.magnitude))  # indices of what is insignificant so far
        self.outer: Tensor | None = None  # [2, n] masses at the ends of what a quiet level can be

    def pass_plane(self, plane: int) -> None:
        """Significance, signs and refinement of one plane.

        Masses are those of all coefficients, quiet or not: where most are quiet, that is less work than
        choosing.
        """
        bit = 1 << plane
        quiet, everywhere = self.quiet, len(self.quiet) == len(self.magnitude)
        outer = self._ends(2 * bit) if self.outer is None else self.outer
        self.outer = inner = self._ends(bit)
        whole = outer[1] - outer[0]
        p = probability(whole - (inner[1] - inner[0]), whole)
        true_magnitude = _at(self.true_magnitude, quiet)
        significant = self.port(
            p if everywhere else p.index_select(0, quiet),
            None if true_magnitude is None else true_magnitude >= bit,
            f"significance {plane}",
            quiet,
        )
        new = quiet.masked_select(significant)
        if len(new):
            self._pass_signs(new, outer, inner)
        if not everywhere:
            self._refine(torch.nonzero(self.magnitude).flatten(), plane)
        if len(new):
            self.magnitude.index_fill_(0, new, bit)
            self.quiet = quiet.masked_select(~significant)

    def _ends(self, end: int) -> Tensor:
        """[2, n] masses of the levels up to −end, and of those below end."""
        return self.cumulative.below(torch.tensor([[1 - end], [end]], dtype=torch.int32))

    def _pass_signs(self, new: Tensor, outer: Tensor, inner: Tensor) -> None:
        """Signs of the coefficients at indices `new`, which lie between their inner and outer ends."""
        below, above = (inner.index_select(1, new) - outer.index_select(1, new)).abs()
        levels = _at(self.levels, new)
        negative = self.port(
            probability(below, below + above), None if levels is None else levels < 0, "sign", new
        )
        self.sign.index_copy_(0, new, 1 - 2 * negative.to(torch.int32))

    def _refine(self, loud: Tensor, plane: int) -> None:
        """Halve the intervals of the significant coefficients at indices `loud`."""
        bit = 1 << plane
        known, sign = self.magnitude.index_select(0, loud), self.sign.index_select(0, loud)
        # levels known … known + 2·bit − 1 on the coefficient's side; C counts from below: mirror the negative
        ends = known + torch.tensor([[0], [bit], [2 * bit]], dtype=torch.int32)
        near, middle, far = self.cumulative.select(loud).below(ends * sign + (sign < 0))
        true_magnitude = _at(self.true_magnitude, loud)
        bits = self.port(
            probability((far - middle).abs(), (far - near).abs()),
            None if true_magnitude is None else (true_magnitude & bit) != 0,
            f"refinement {plane}",
            loud,
        )
        self.magnitude.index_copy_(0, loud, known + bit * bits.to(torch.int32))


def _at(values: Tensor | None, where: Tensor) -> Tensor | None:
    return None if values is None else values.index_select(0, where)


def code_signs(cumulative: Cumulative, port: Port, levels: Tensor | None) -> Tensor:
    """Pass signs `[n]` int32 in ±1 through the port, all of them: the token reading."""
    below = cumulative.below_zero_point()
    whole = cumulative.below(LEVELS) - cumulative.below(1 - LEVELS)
    everywhere = torch.arange(len(below))
    positive = port(
        probability(whole - below, whole), None if levels is None else levels > 0, "sign", everywhere
    )
    return torch.where(positive, 1, -1).to(torch.int32)
