"""The training loop: steps, checkpoints, exact resumption, validation, one process or many.

A run is a folder: `config.json`, `latest.safetensors` (weights, their moving average, the optimizer's moments and
the random generators), `log.jsonl`. Killed at any moment and started again with the same folder it goes on
from its last checkpoint and draws what it would have drawn. Under torchrun every rank draws its own clips and
gradients are averaged (DDP).
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nvcodec.prior.transformer import Prior, PriorConfig
from nvcodec.tokenizer.tiny import FRAME_DIMS, STEP_FRAMES, TinyConfig, TinyTokenizer, patchify
from nvcodec.train.data import ClipSampler, DataConfig
from nvcodec.train.joint import LossConfig, StepLoss, clip_loss, draw


@dataclass(frozen=True)
class TrainConfig:
    """A training run. Everything that decides its result, with the data's files."""

    steps: int = 8000
    batch: int = 8
    learning_rate: float = 1e-3
    transform_share: float = 0.1  # of that rate, for the linear transforms
    warmup: int = 200
    final_rate: float = 0.02  # share of the learning rate left at the end of the cosine
    clip_norm: float = 5.0
    average: float = 0.998  # decay of the moving average of the weights, which is what is exported
    seed: int = 1
    checkpoint_minutes: float = 3.0
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

    def forward(self, clips: Tensor, generator: torch.Generator) -> StepLoss:
        """Draw quality and damage, and give the loss of `clips`."""
        choice = draw(self.config.loss, generator)
        return clip_loss(self.tokenizer, self.prior, clips, choice, self.config.loss, generator)


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to `final_rate`."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    cosine = (1 + math.cos(math.pi * min(1.0, progress))) / 2
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * cosine)


class Run:
    """State of a training run and how it is kept."""

    def __init__(self, config: TrainConfig, folder: Path, files: list[Path]) -> None:
        self.config, self.folder = config, folder
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        torch.manual_seed(config.seed)
        self.model = JointModel(config)
        self.average = {k: v.clone() for k, v in self.model.state_dict().items()}
        named = list(self.model.named_parameters())
        transforms = [p for name, p in named if ".transform." in name]  # start as PCA: to be refined, not redone
        others = [p for name, p in named if ".transform." not in name]
        groups = [{"params": others, "share": 1.0}, {"params": transforms, "share": config.transform_share}]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), weight_decay=1e-4)
        self.generator = torch.Generator().manual_seed(config.seed * 1000 + self.rank)
        self.sampler = ClipSampler(files, config.data)
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)
        if self._checkpoint().exists():
            self._resume()
        else:
            self._start()

    def _checkpoint(self) -> Path:
        return self.folder / f"latest-{self.rank}.safetensors"

    def _start(self) -> None:
        clips = torch.cat([self.sampler.batch(16, self.generator) for _ in range(16)])
        patches = [patchify(clips[:, :, t : t + 1]).reshape(-1, FRAME_DIMS) for t in (0, 1, 2, 3, 4)]
        following = torch.cat([p - patches[0] for p in patches[1:]], dim=1)
        self.model.tokenizer.start_from_pca(patches[0], following)
        self.average = {k: v.clone() for k, v in self.model.state_dict().items()}
        if self.rank == 0:
            (self.folder / "config.json").write_text(json.dumps(asdict(self.config), indent=1))

    def save(self) -> None:
        """Write everything needed to go on; the old checkpoint stays until the new one is whole."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for i, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in moments.items()}
        tensors["generator"] = self.generator.get_state()
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
        self.generator.set_state(tensors["generator"])
        self.step = int(tensors["step"])

    def train(self) -> None:
        """Run until `config.steps`, logging to `log.jsonl` and saving every few minutes."""
        config = self.config
        model = nn.parallel.DistributedDataParallel(self.model, find_unused_parameters=True) if dist.is_initialized() else self.model
        model.train()
        saved = began = time.monotonic()
        while self.step < config.steps:
            clips = self.sampler.batch(config.batch, self.generator)
            out = model(clips, self.generator)
            self.optimizer.zero_grad(set_to_none=True)
            out.loss.backward()
            norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm))
            rate = learning_rate(config, self.step)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["share"]
            if math.isfinite(norm):
                self.optimizer.step()
            self.step += 1
            self._update_average()
            if self.rank == 0 and self.step % 10 == 0:
                self._log(out, norm, time.monotonic() - began)
            if time.monotonic() - saved > 60 * config.checkpoint_minutes:
                self.save()
                saved = time.monotonic()
        self.save()

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        for key, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - decay)

    def _log(self, out: StepLoss, norm: float, seconds: float) -> None:
        pixels = out.frames * self.config.data.crop**2
        error = float(out.squared_error) / (3 * pixels)
        row = {
            "step": self.step,
            "loss": round(float(out.loss), 4),
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


__all__ = ["STEP_FRAMES", "JointModel", "Run", "TrainConfig", "join_processes", "learning_rate"]
