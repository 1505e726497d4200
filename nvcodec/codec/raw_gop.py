"""A GOP before anything was done to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from nvcodec.media import Picture
from nvcodec.tokenizer.motion import STEP_FRAMES

from .effort import AS_USUAL, EncoderSettings
from .gop import GopQuality


@dataclass(frozen=True)
class GopBudget:
    """What the entropy-coded planes of a GOP may take, in bytes, and the rung (`rate_search.py`) to try first."""

    bytes: int
    guess: int


@dataclass(frozen=True, eq=False)
class RawGop:
    """The pictures of a GOP, and what it takes to code them; `weights` [h·w] as in `analyse`.

    With a `budget`, or a mean VMAF to reach, the quality is searched for, and `quality` says nothing.
    """

    pictures: tuple[Picture, ...]
    bit_depth: int
    quality: GopQuality
    weights: Tensor | None = None
    budget: GopBudget | None = None
    vmaf: float | None = None
    settings: EncoderSettings = AS_USUAL

    def steps(self) -> Iterator[Sequence[Picture]]:
        """The first picture alone, then four at a time."""
        yield self.pictures[:1]
        for start in range(1, len(self.pictures), STEP_FRAMES):
            yield self.pictures[start : start + STEP_FRAMES]
