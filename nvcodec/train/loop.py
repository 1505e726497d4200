"""The loop that every stage of training runs in: steps, checkpoints, exact resumption, one process or many.

A stage says what a step learns from (`Loop.gradients`) and how it is measured (`Loop.measure`); the optimizer's step,
the moving average, the logs and the checkpoints are the same for all.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from nvcodec.train import checkpoint
from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.log import RunLog
from nvcodec.train.processes import own_device, place, spread

M = TypeVar("M", bound=nn.Module)
LOG, VALIDATION = "log", "validation"  # what the rows of a run are kept as
Figures = Callable[[], dict[str, float]]  # what the log says of a step's losses, made only when it is asked for


@dataclass(frozen=True)
class LoopConfig:
    """What the configuration of every run has."""

    steps: int = 8000
    batch: int = 8  # clips a process, at once
    accumulate: int = 1  # such batches to an optimizer step
    learning_rate: float = 1e-3
    warmup: int = 200
    final_rate: float = 0.02  # share of the learning rate left at the end of the cosine
    clip_norm: float = 5.0
    norm_limit: float = 20000.0  # a step with a larger gradient, or none that is a number, is left out
    average: float = 0.998  # decay of the moving average of the weights, which is what is exported
    seed: int = 1
    checkpoint_steps: int = 150
    log_steps: int = 10
    bfloat16: bool = True
    sharded: bool = False  # over the processes (FSDP2), instead of whole in each (DDP)


def learning_rate(config: LoopConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to `final_rate`."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    cosine = (1 + math.cos(math.pi * min(1.0, progress))) / 2
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * cosine)


def step_generator(seed: int, step: int, stream: int) -> torch.Generator:
    """The random numbers of a step: stream 0 for what all processes share, 1 + its rank for a process's own."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 4096 + stream)


@torch.no_grad()
def update_average(average: dict[str, Tensor], model: nn.Module, most: float, step: int) -> None:
    """The moving average of a model's weights after `step` steps: of decay `most`, less while there are few."""
    decay = min(most, (1 + step) / (10 + step))
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            average[key].lerp_(value, 1 - decay)


@contextmanager
def averaged(model: nn.Module, average: dict[str, Tensor]) -> Iterator[None]:
    """`model` with the averaged weights, and with its own again afterwards."""
    own = {key: value.clone() for key, value in model.state_dict().items()}
    model.load_state_dict(average)
    try:
        yield
    finally:
        model.load_state_dict(own)


class Loop(ABC, Generic[M]):
    """State of a training run and how it is kept. `place_model` begins or resumes it."""

    model: M
    parallel: nn.Module
    average: dict[str, Tensor]
    optimizer: torch.optim.Optimizer

    def __init__(self, config: LoopConfig, folder: Path, device: torch.device | None = None) -> None:
        """A run in `folder`; `device` is where its networks are, a GPU if there is one."""
        self.config, self.folder = config, folder
        self.rank, self.processes = place()
        self.device = own_device() if device is None else device
        self.resumes = (folder / CHECKPOINT).exists()
        self.step = 0

    @abstractmethod
    def new_optimizer(self) -> torch.optim.Optimizer:
        """The optimizer of what learns. Its groups have a `share`: how much of the learning rate is theirs."""

    @abstractmethod
    def gradients(self) -> Iterator[Figures]:
        """Draw clips and give, once for each step they go on for, its gradients in the parameters."""

    @property
    def measured_steps(self) -> int:
        """After how many steps `measure` is called: 0, which is never, but for a stage that has it."""
        return 0

    def measure(self, log: RunLog | None) -> None:
        """Validate the averaged weights. All processes call it; the first has the `log`."""
        raise NotImplementedError

    def beside(self) -> dict[str, Tensor]:
        """What a stage keeps in its checkpoint besides: nothing, but for one that has something."""
        return {}

    def place_model(self, model: M, learner: nn.Module, blocks: list[nn.Module]) -> None:
        """Take `model` to its device and, where there is a checkpoint, to where it stood.

        `learner` is called for the loss and holds the model, or is it; `blocks` are the parts that a sharded run
        gathers one at a time.
        """
        self.model = model
        learner.to(self.device)
        self.parallel = spread(learner, self.device, blocks, sharded=self.config.sharded)
        self.average = {key: value.clone() for key, value in model.state_dict().items()}
        self.optimizer = self.new_optimizer()
        if self.resumes:
            self.average, self.step = checkpoint.load(self.folder / CHECKPOINT, model, self.optimizer)

    def generator(self, *, own: bool) -> torch.Generator:
        """The random numbers of this step, this process's `own` or everybody's."""
        return step_generator(self.config.seed, self.step, 1 + self.rank if own else 0)

    def save(self) -> None:
        """Write everything needed to go on. All processes call it."""
        path = self.folder / CHECKPOINT
        checkpoint.save(path, self.model, self.average, self.optimizer, self.step, self.beside())

    def train(self, watch: Callable[[int], None] | None = None) -> None:
        """Run until `config.steps`, logging, measuring and saving every so many; `watch` is told each step."""
        self.parallel.train()
        log = RunLog(self.folder, self.step) if self.rank == 0 else None
        began, saved = time.monotonic(), self.step
        every = self.measured_steps
        try:
            while self.step < self.config.steps:
                before = self.step
                for figures in self.gradients():
                    norm = self.descend()
                    if watch is not None:
                        watch(self.step)
                    if log is not None and self.step % self.config.log_steps == 0:
                        end = {"norm": round(norm, 2), "seconds": round(time.monotonic() - began, 1)}
                        log.row(LOG, {"step": self.step} | figures() | end)
                ends = self.step >= self.config.steps
                if every and (ends or self.step // every > before // every):
                    self.measure(log)
                if self.step >= saved + self.config.checkpoint_steps:
                    self.save()
                    saved = self.step
            self.save()
        finally:
            if log is not None:
                log.close()

    def descend(self) -> float:
        """One optimizer step; returns the gradient's norm."""
        learning = [p for group in self.optimizer.param_groups for p in group["params"]]
        total = nn.utils.clip_grad_norm_(learning, self.config.clip_norm)
        norm = float(total.full_tensor() if isinstance(total, DTensor) else total)
        rate = learning_rate(self.config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        if norm < self.config.norm_limit:
            self.optimizer.step()
        self.step += 1
        update_average(self.average, self.model, self.config.average, self.step)
        return norm
