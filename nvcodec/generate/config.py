"""Sizes of a language model."""

from __future__ import annotations

from dataclasses import dataclass

from nvcodec.errors import NvcodecError

OBJECTIVES = ("masked", "next")  # what it has learnt to tell (`objectives.py`)


@dataclass(frozen=True)
class LmConfig:
    """Sizes of the transformer.

    `grid` is the largest (T', h, w) that it has positions for. A token of `token_bits` bits is read and written as
    `factors` parts of equally many bits: 2 are the paper's two tables of 2^9, 18 are bits. `classes` 0: no classes.
    With `neighbours` every place is told what stands before and beside it (`neighbours.py`), which the paper's is not,
    and `around` on all sides, which only masked tokens can be told from.
    NvcodecError for sizes that do not go together.
    """

    grid: tuple[int, ...] = (5, 16, 16)
    classes: int = 10
    width: int = 256
    layers: int = 6
    heads: int = 4
    expansion: int = 4
    token_bits: int = 18
    factors: int = 2
    dropout: float = 0.1
    neighbours: bool = False
    around: bool = False

    def __post_init__(self) -> None:
        sizes = (*self.grid, self.width, self.layers, self.heads, self.expansion, self.token_bits, self.factors)
        if len(self.grid) != 3 or min(sizes) < 1 or self.classes < 0 or not 0 <= self.dropout < 1:
            raise NvcodecError("sizes of a language model are 1 at least, those of its grid three, dropout below 1")
        if self.width % self.heads or self.token_bits % self.factors:
            raise NvcodecError("the heads divide the width, and the factors the bits of a token")
        if self.around and not self.neighbours:
            raise NvcodecError("what is around a place is told only where its neighbours are")

    @property
    def factor_bits(self) -> int:
        """Bits of one part of a token."""
        return self.token_bits // self.factors
