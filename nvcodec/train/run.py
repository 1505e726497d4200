"""The training loop: steps, checkpoints, exact resumption, validation, one process or many.

A run is a folder: `config.json`, `latest.safetensors` (weights, their moving average, the optimizer's moments),
`log.jsonl`, and where there are held-out clips `validation.jsonl` and pictures. Killed at any moment and started
again with the same folder it goes on from its last checkpoint and draws what it would have drawn: random numbers
depend on seed, step and rank alone. Under torchrun every rank draws its own clips and gradients are averaged.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from nvcodec.files import atomic_output
from nvcodec.tokenizer.motion import predict
from nvcodec.tokenizer.motion_search import MotionMatch, search_motion
from nvcodec.tokenizer.quantize import LAGRANGIAN, step_size
from nvcodec.tokenizer.tiny import FRAME_DIMS, TinyTokenizer, patchify
from nvcodec.train import checkpoint
from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.config import TrainConfig, check, check_same_run, check_start, read_config, record_of, write_record
from nvcodec.train.data import ClipSampler
from nvcodec.train.joint import Carry, Draw, StepLoss, draw
from nvcodec.train.log import RunLog
from nvcodec.train.networks import JointModel, build
from nvcodec.train.processes import gathering, own_device, place, spread
from nvcodec.train.start import averaged_weights, take_weights, weights_of_model
from nvcodec.train.validation import averaged, held_out, validate

LOG, VALIDATION = "log", "validation"
PCA_QUALITY = 40  # what motion may cost while the transforms' starting points are measured


def learning_rate(config: TrainConfig, step: int) -> float:
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


class Run:
    """State of a training run and how it is kept."""

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        files: list[Path],
        start: Path | None = None,
        validation: list[Path] | None = None,
        device: torch.device | None = None,
    ) -> None:
        """The run in `folder`; a new one, if there is none, from the run or exported model `start` if that is given.

        `files` and those of `validation` are prepared. `device` is where the networks are, a GPU if there is one.
        NvcodecError for a run that is there but another, and for what cannot be trained.
        """
        check(config)
        resumes = (folder / CHECKPOINT).exists()
        if not resumes:
            check_start(config, start)
        self.config, self.folder = config, folder
        self.rank, self.processes = place()
        self.device = own_device() if device is None else device
        self.data = sorted(file.stem for file in files)
        if resumes:
            check_same_run(folder, config, self.data)
        torch.manual_seed(config.seed)
        self.model = build(config)
        self.sampler = ClipSampler(files, config.data)
        self.held_out = held_out(validation or [], config.validation)
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)
        record = read_config(folder)[1] if resumes else self._begin(start)
        self.model.to(self.device)
        self.parallel = spread(self.model, self.device, self.model.blocks(), sharded=config.sharded)
        self.average = {key: value.clone() for key, value in self.model.state_dict().items()}
        self.optimizer = self._new_optimizer()
        if resumes:
            self.average, self.step = checkpoint.load(folder / CHECKPOINT, self.model, self.optimizer)
        if self.rank == 0:
            write_record(folder, record | record_of(config, self.processes, self.data))

    def _new_optimizer(self) -> torch.optim.Optimizer:
        named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
        transforms = [p for name, p in named if ".transform." in name]  # start as PCA: to be refined, not redone
        others = [p for name, p in named if ".transform." not in name]
        groups = [{"params": others, "share": 1.0}, {"params": transforms, "share": self.config.transform_share}]
        return torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=0.0, betas=(0.9, 0.98), weight_decay=1e-4
        )

    def _generator(self, *, own: bool) -> torch.Generator:
        return step_generator(self.config.seed, self.step, 1 + self.rank if own else 0)

    def _begin(self, start: Path | None) -> dict[str, Any]:
        """Give the new model its first weights; what the record says of them."""
        if start is None:
            if isinstance(self.model, JointModel):
                self._begin_with_pca(self.model.tokenizer)
            return {}
        if start.is_dir():
            state, steps = averaged_weights(start / CHECKPOINT)
            origin: dict[str, Any] = {"steps": steps, **read_config(start)[1]}
        else:
            state, origin = weights_of_model(start)
        take_weights(self.model, state, start, self.config.stage)
        return {"start": origin}

    def _begin_with_pca(self, tokenizer: TinyTokenizer) -> None:
        generator = self._generator(own=False)
        clips = torch.cat([self.sampler.batch(16, 5, generator) for _ in range(16)])
        first, following = clips[:, :, 0], clips[:, :, 1:]
        motion = search_motion(MotionMatch.of(following, first), None, LAGRANGIAN * step_size(PCA_QUALITY) ** 2)
        missed = patchify(following - predict(first, motion))
        still = patchify(clips)
        tokenizer.start_from_pca(still.reshape(-1, FRAME_DIMS), missed.reshape(-1, missed.shape[-1]))

    def save(self) -> None:
        """Write everything needed to go on. All processes call it."""
        checkpoint.save(self.folder / CHECKPOINT, self.model, self.average, self.optimizer, self.step)

    def train(self, watch: Callable[[int], None] | None = None) -> None:
        """Run until `config.steps`, logging, measuring and saving every so many; `watch` is told each step."""
        config = self.config
        self.parallel.train()
        log = RunLog(self.folder, self.step) if self.rank == 0 else None
        began, saved = time.monotonic(), self.step
        every = config.validation.every if self.held_out else 0
        try:
            while self.step < config.steps:
                before = self.step
                # as many parts on every rank, so that all come to the next clip, and to a checkpoint, together
                parts = int(torch.randint(len(config.long_clips), (), generator=self._generator(own=False)))
                parts = min(config.long_clips[parts], config.steps - self.step)
                generator = self._generator(own=True)
                frames = 1 + (config.data.frames - 1) * parts
                clips = self.sampler.batch(config.batch * config.accumulate, frames, generator)
                # one choice for all where parameters are sharded: those that it leaves out must be so everywhere
                choice = draw(config.loss, self._generator(own=False) if config.sharded else generator)
                carries: list[Carry | None] = [None] * config.accumulate
                for part in clips.split([config.data.frames, *[config.data.frames - 1] * (parts - 1)], dim=2):
                    outs = self._gradient(part, choice, generator, carries)
                    carries = [out.carry for out in outs]
                    norm = self._descend()
                    if watch is not None:
                        watch(self.step)
                    if log is not None and self.step % config.log_steps == 0:
                        log.row(LOG, self._row(outs, choice.quality, norm, time.monotonic() - began))
                ends = self.step >= config.steps
                if every and (ends or self.step // every > before // every):
                    self._validate(log)
                if self.step >= saved + config.checkpoint_steps:
                    self.save()
                    saved = self.step
            self.save()
        finally:
            if log is not None:
                log.close()

    def _gradient(
        self, clips: Tensor, choice: Draw, generator: torch.Generator, carries: list[Carry | None]
    ) -> list[StepLoss]:
        """Losses of the batches that `clips` fall into, their mean's gradient left in the parameters."""
        self.optimizer.zero_grad(set_to_none=True)
        outs: list[StepLoss] = []
        for batch, carry in zip(clips.split(self.config.batch), carries, strict=True):
            with gathering(self.parallel, last=len(outs) + 1 == len(carries)):
                out: StepLoss = self.parallel(batch.to(self.device), choice, generator, carry, self.step)
                (out.loss / len(carries)).backward()
            outs.append(out)
        return outs

    def _descend(self) -> float:
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

    def _validate(self, log: RunLog | None) -> None:
        with averaged(self.model, self.average):
            measured, picture = validate(
                self.model, self.held_out, self.config.validation.qualities, self.step, self.device
            )
        if log is None:
            return
        for result in measured:
            log.row(VALIDATION, result.row(self.step), f"quality-{result.quality}")
        (self.folder / VALIDATION).mkdir(exist_ok=True)
        with atomic_output(self.folder / VALIDATION / f"{self.step:08}.png", force=True) as file:
            file.write(picture)

    def _row(self, outs: list[StepLoss], quality: int, norm: float, seconds: float) -> dict[str, float]:
        pixels = sum(out.frames for out in outs) * self.config.data.crop**2
        error = sum(float(out.squared_error) for out in outs) / pixels  # about the mean of R, G and B (see frames.py)
        return {
            "step": self.step,
            "quality": quality,
            "loss": round(sum(float(out.loss.detach()) for out in outs) / len(outs), 4),
            "psnr": round(-10 * math.log10(max(error, 1e-9)), 2),
            "bpp": round(sum(float(out.bits) for out in outs) / pixels, 5),
            "norm": round(norm, 2),
            "seconds": round(seconds, 1),
        }
