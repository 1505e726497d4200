"""The training loop: steps, checkpoints, exact resumption, validation, one process or many.

A run is a folder: `config.json`, `latest.safetensors` (weights, their moving average, the optimizer's moments),
`log.jsonl`. Killed at any moment and started again with the same folder it goes on from its last checkpoint and
draws what it would have drawn: random numbers depend on seed, step and rank alone. Under torchrun every rank
draws its own clips and gradients are averaged (DDP).
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nvcodec.prior.transformer import Prior, PriorConfig
from nvcodec.tokenizer.motion import predict
from nvcodec.tokenizer.motion_search import MotionMatch, search_motion
from nvcodec.tokenizer.quantize import LAGRANGIAN, step_size
from nvcodec.tokenizer.tiny import FRAME_DIMS, TinyConfig, TinyTokenizer, patchify
from nvcodec.train.data import ClipSampler, DataConfig
from nvcodec.train.joint import Carry, Draw, LossConfig, StepLoss, clip_loss, draw
from nvcodec.train.start import averaged_weights, weights_of_model

CHECKPOINT, CONFIG = "latest.safetensors", "config.json"
PCA_QUALITY = 40  # what motion may cost while the transforms' starting points are measured


@dataclass(frozen=True)
class TrainConfig:
    """A training run. Everything that decides its result, with the data's files."""

    steps: int = 8000
    batch: int = 8  # clips a process
    learning_rate: float = 1e-3
    transform_share: float = 0.1  # of that rate, for the linear transforms
    warmup: int = 200
    final_rate: float = 0.02  # share of the learning rate left at the end of the cosine
    clip_norm: float = 5.0
    norm_limit: float = 20000.0  # a step with a larger gradient, or none that is a number, is left out
    average: float = 0.998  # decay of the moving average of the weights, which is what is exported
    seed: int = 1
    checkpoint_steps: int = 150
    bfloat16: bool = True
    long_clips: tuple[int, ...] = (1, 1, 1, 2, 4)  # optimizer steps that a clip goes on for, drawn at random
    tokenizer: TinyConfig = field(default_factory=TinyConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)


class JointModel(nn.Module):
    """Tokenizer and prior as one module, so that data-parallel training wraps them once."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = TinyTokenizer(config.tokenizer)
        self.prior = Prior(config.prior)

    def forward(self, clips: Tensor, choice: Draw, generator: torch.Generator, carry: Carry | None) -> StepLoss:
        """The loss of `clips`, or of what follows of them."""
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            return clip_loss(self.tokenizer, self.prior, clips, choice, self.config.loss, generator, carry)


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to `final_rate`."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    cosine = (1 + math.cos(math.pi * min(1.0, progress))) / 2
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * cosine)


class Run:
    """State of a training run and how it is kept."""

    def __init__(self, config: TrainConfig, folder: Path, files: list[Path], start: Path | None = None) -> None:
        """The run in `folder`; a new one, if there is none, from the run or exported model `start` if that is given."""
        self.config, self.folder = config, folder
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.processes = dist.get_world_size() if dist.is_initialized() else 1
        self.data = sorted(file.stem for file in files)
        torch.manual_seed(config.seed)
        self.model = JointModel(config)
        self.average = {k: v.clone() for k, v in self.model.state_dict().items()}
        named = list(self.model.named_parameters())
        transforms = [p for name, p in named if ".transform." in name]  # start as PCA: to be refined, not redone
        others = [p for name, p in named if ".transform." not in name]
        groups = [{"params": others, "share": 1.0}, {"params": transforms, "share": config.transform_share}]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), weight_decay=1e-4)
        self.sampler = ClipSampler(files, config.data)
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)
        if self._checkpoint().exists():
            self._resume()
        else:
            self._begin(start)

    def _checkpoint(self) -> Path:
        return self.folder / CHECKPOINT

    def _generator(self, *, own: bool) -> torch.Generator:
        """The random numbers of this step: each rank's own, or those that all ranks share."""
        stream = 1 + self.rank if own else 0
        return torch.Generator().manual_seed((self.config.seed * 1_000_003 + self.step) * 4096 + stream)

    def _begin(self, start: Path | None) -> None:
        record: dict[str, Any] = {
            "configuration": asdict(self.config),
            "processes": self.processes,
            "data": self.data,
        }
        if start is None:
            self._begin_with_pca()
        elif start.is_dir():
            state, steps = averaged_weights(start / CHECKPOINT)
            self.model.load_state_dict(state)
            record["start"] = {"steps": steps, **read_config(start)[1]}
        else:
            state, record["start"] = weights_of_model(start)
            self.model.load_state_dict(state)
        self.average = {k: v.clone() for k, v in self.model.state_dict().items()}
        if self.rank == 0:
            (self.folder / CONFIG).write_text(json.dumps(record, indent=1))

    def _begin_with_pca(self) -> None:
        generator = self._generator(own=False)
        clips = torch.cat([self.sampler.batch(16, 5, generator) for _ in range(16)])
        first, following = clips[:, :, 0], clips[:, :, 1:]
        motion = search_motion(MotionMatch.of(following, first), None, LAGRANGIAN * step_size(PCA_QUALITY) ** 2)
        missed = patchify(following - predict(first, motion))
        still = patchify(clips)
        self.model.tokenizer.start_from_pca(still.reshape(-1, FRAME_DIMS), missed.reshape(-1, missed.shape[-1]))

    def save(self) -> None:
        """Write everything needed to go on; the old checkpoint stays until the new one is whole."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for i, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in moments.items()}
        tensors["step"] = torch.tensor(self.step)
        partial = self._checkpoint().with_suffix(".partial")
        save_file({k: v.contiguous().clone() for k, v in tensors.items()}, partial)
        partial.replace(self._checkpoint())

    def _resume(self) -> None:
        tensors = load_file(self._checkpoint())
        self.model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        self.average = {k[8:]: v for k, v in tensors.items() if k.startswith("average.")}
        state = self.optimizer.state_dict()
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".")
                state["state"].setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(state)
        self.step = int(tensors["step"])

    def train(self) -> None:
        """Run until `config.steps`, logging to `log.jsonl` and saving every few minutes."""
        config = self.config
        model = (
            nn.parallel.DistributedDataParallel(self.model, find_unused_parameters=True)
            if dist.is_initialized()
            else self.model
        )
        model.train()
        began, saved = time.monotonic(), self.step
        while self.step < config.steps:
            # as many parts on every rank, so that all come to the next clip, and to a checkpoint, together
            parts = int(torch.randint(len(config.long_clips), (), generator=self._generator(own=False)))
            parts = min(config.long_clips[parts], config.steps - self.step)
            generator = self._generator(own=True)
            clips = self.sampler.batch(config.batch, 1 + (config.data.frames - 1) * parts, generator)
            choice = draw(config.loss, generator)
            carry = None
            for part in clips.split([config.data.frames, *[config.data.frames - 1] * (parts - 1)], dim=2):
                out = model(part, choice, generator, carry)
                carry = out.carry
                norm = self._descend(out.loss)
                if self.rank == 0 and self.step % 10 == 0:
                    self._log(out, choice.quality, norm, time.monotonic() - began)
            if self.rank == 0 and self.step >= saved + config.checkpoint_steps:
                self.save()
                saved = self.step
        if self.rank == 0:
            self.save()

    def _descend(self, loss: Tensor) -> float:
        """One optimizer step; returns the gradient's norm."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm))
        rate = learning_rate(self.config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        if norm < self.config.norm_limit:
            self.optimizer.step()
        self.step += 1
        self._update_average()
        return norm

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        for key, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - decay)

    def _log(self, out: StepLoss, quality: int, norm: float, seconds: float) -> None:
        pixels = out.frames * self.config.data.crop**2
        error = float(out.squared_error) / pixels  # about the mean of R, G and B (see frames.py)
        row = {
            "step": self.step,
            "quality": quality,
            "loss": round(float(out.loss.detach()), 4),
            "psnr": round(-10 * math.log10(max(error, 1e-9)), 2),
            "bpp": round(float(out.bits) / pixels, 5),
            "norm": round(norm, 2),
            "seconds": round(seconds, 1),
        }
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")


def join_processes() -> None:
    """Under torchrun, join the group of its processes; alone, do nothing."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def read_config(folder: Path) -> tuple[TrainConfig, dict[str, Any]]:
    """The configuration a run was started with, and its whole record: configuration, processes and data."""
    record = json.loads((folder / CONFIG).read_text())
    return _from_dict(TrainConfig, record["configuration"]), record


def _from_dict(kind: Any, values: dict[str, Any]) -> Any:
    types = get_type_hints(kind)
    return kind(
        **{
            name: _from_dict(types[name], value)
            if isinstance(value, dict)
            else tuple(value)
            if isinstance(value, list)
            else value
            for name, value in values.items()
        }
    )
