"""What runs over labelled clips have in common: the language model's, a probe's and a feature network's.

What a step learns depends on seed, step, rank and the number of processes alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from nvcodec.train.config import check_same_run
from nvcodec.train.loop import Loop, LoopConfig
from nvcodec.train.optimizers import adamw

S = TypeVar("S", bound="ClipSet")
M = TypeVar("M", bound=nn.Module)
C = TypeVar("C", bound="LabelledConfig")


class ClipSet(Protocol):
    """Labelled clips as `PixelSet` and `TokenSet` have them."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names."""
        ...

    @property
    def key(self) -> str:
        """What names the clips and how they were read."""
        ...

    def __len__(self) -> int: ...

    def batch(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """What is read of the clips at `places`, and their labels."""
        ...

    def evenly(self: S, most: int) -> S:
        """So many of them."""
        ...


@dataclass(frozen=True)
class LabelledValidationConfig:
    """How a run is measured on the validation split. `every` in steps, 0 for never."""

    every: int = 250
    clips: int = 256  # at most, evenly from all


@dataclass(frozen=True)
class LabelledConfig(LoopConfig):
    """What the configurations of these runs share. The optimizer is AdamW."""

    warmup: int = 100
    clip_norm: float = 1.0
    average: float = 0.995
    frames: int = 17  # of a clip, 1 + 4k
    size: int = 64  # luma pixels a side, a multiple of 8
    second_moment: float = 0.96  # decay of it
    weight_decay: float = 0.045
    validation: LabelledValidationConfig = field(default_factory=LabelledValidationConfig)


class LabelledRun(Loop[M], Generic[M, S, C]):
    """A run that learns `clips` and is measured on `held_out`, evenly chosen from a set's validation split."""

    config: C

    def __init__(
        self, config: C, folder: Path, clips: S, held_out: S | None, device: torch.device | None
    ) -> None:
        """The run in `folder`, or a new one, and its seed set. NvcodecError for a run that is there but another."""
        super().__init__(config, folder, device)
        self.clips = clips
        self.held_out = held_out.evenly(config.validation.clips) if held_out is not None else None
        if self.resumes:
            check_same_run(folder, config, [clips.key])
        torch.manual_seed(config.seed)

    def new_optimizer(self) -> torch.optim.Optimizer:
        """AdamW; what is no matrix does not decay."""
        return adamw(self.model.parameters(), self.config.second_moment, self.config.weight_decay)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, bool]]:
        """Places of a step's clips, in `accumulate` batches, each with whether it is the last.

        Dropout draws from everybody's random numbers, which are set by the step's own `generator`.
        """
        config = self.config
        torch.manual_seed(int(torch.randint(1 << 62, (), generator=generator)))
        count = config.batch * config.accumulate
        begin = (self.step * self.processes + self.rank) * count
        parts = drawn(len(self.clips), config.seed, begin, count).split(config.batch)
        for number, part in enumerate(parts, start=1):
            yield part, number == config.accumulate

    @property
    def measured_steps(self) -> int:
        """As configured, if there are clips to measure on."""
        return self.config.validation.every if self.held_out is not None else 0


def drawn(clips: int, seed: int, begin: int, count: int) -> Tensor:
    """Places `[count]` of the clips that are drawn after the first `begin`: all once in an order, then in another."""
    found = []
    while count:
        epoch, first = divmod(begin, clips)
        order = torch.randperm(clips, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
        part = order[first : first + count]
        found.append(part)
        begin, count = begin + len(part), count - len(part)
    return torch.cat(found)


def evenly(clips: int, most: int) -> np.ndarray:
    """Places of `most` of so many clips, or of all, evenly from first to last."""
    count = min(most, clips)
    return np.arange(count) * clips // max(count, 1)
