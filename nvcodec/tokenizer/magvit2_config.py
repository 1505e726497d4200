"""The sizes of the `magvit2` network; loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Magvit2Config:
    """Sizes of the network. The defaults are the paper's video tokenizer (Yu et al. 2023, appendix A).

    Level i of the encoder has `base_width · multipliers[i]` channels; between levels the picture is halved in
    rows and columns, and where `halve_time[i]` in frames too. The paper defers that from the first blocks of
    the encoder, where MAGVIT had it, to the last (section 3.2). `norm_groups` is the default of Flax,
    MAGVIT's library.

    Lists given for the tuples (as JSON has them) become tuples. Raises ValueError when sizes do not fit
    together.
    """

    picture_channels: int = 3
    base_width: int = 128
    multipliers: tuple[int, ...] = (1, 2, 2, 4)
    halve_time: tuple[bool, ...] = (False, True, True)
    residual_blocks: int = 4  # at each level, and again at the lowest
    token_dims: int = 18
    norm_groups: int = 32

    def __post_init__(self) -> None:
        object.__setattr__(self, "multipliers", tuple(self.multipliers))
        object.__setattr__(self, "halve_time", tuple(self.halve_time))
        if not self.multipliers or len(self.halve_time) != len(self.multipliers) - 1:
            raise ValueError(
                f"{len(self.multipliers)} levels have {len(self.multipliers) - 1} steps between them, "
                f"but halve_time tells of {len(self.halve_time)}"
            )
        odd = [width for width in self.widths if width < 1 or width % self.norm_groups]
        if odd:
            raise ValueError(f"{odd[0]} channels do not fall into {self.norm_groups} groups of equal size")

    @classmethod
    def small(cls) -> Self:
        """Every feature of the structure at a size for experiments on a CPU."""
        return cls(base_width=8, residual_blocks=1, norm_groups=4)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, full resolution first."""
        return tuple(self.base_width * multiplier for multiplier in self.multipliers)

    @property
    def time_factor(self) -> int:
        """Frames to a latent frame: 1 + time_factor · k frames become 1 + k."""
        return 2 ** sum(self.halve_time)

    @property
    def space_factor(self) -> int:
        """Pixels a side to a latent position."""
        return 2 ** len(self.halve_time)
