"""Training of tokenizer and prior: what each step learns from, validation, what a run starts from.

A run is a folder: `config.json`, `latest.safetensors` (weights, their moving average, the optimizer's moments),
`log.jsonl`, and where there are held-out clips `validation.jsonl` and pictures. Killed at any moment and started
again with the same folder it goes on from its last checkpoint and draws what it would have drawn: random numbers
depend on seed, step and rank alone. Under torchrun every rank draws its own clips and gradients are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nvcodec.files import atomic_output
from nvcodec.tokenizer.compact import CompactTokenizer
from nvcodec.tokenizer.motion import predict
from nvcodec.tokenizer.motion_search import MotionMatch, search_motion
from nvcodec.tokenizer.quantize import LAGRANGIAN, step_size
from nvcodec.tokenizer.tiny import FRAME_DIMS, TinyTokenizer, patchify
from nvcodec.train.checkpoint import CHECKPOINT, load_beside
from nvcodec.train.config import TrainConfig, check, check_same_run, check_start, read_config, record_of, write_record
from nvcodec.train.data import ClipSampler
from nvcodec.train.joint import Carry, Draw, StepLoss, draw
from nvcodec.train.log import RunLog
from nvcodec.train.loop import VALIDATION, Figures, Loop, averaged, learning_rate
from nvcodec.train.networks import CompactModel, JointModel, TrainedModel, build
from nvcodec.train.perceptual import Perception
from nvcodec.train.processes import gathering
from nvcodec.train.start import averaged_weights, take_weights, weights_of_model
from nvcodec.train.validation import held_out, validate

PCA_QUALITY = 40  # what motion may cost while the transforms' starting points are measured


class Run(Loop[TrainedModel]):
    """A run of tokenizer and prior, or of one of them."""

    config: TrainConfig

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
        super().__init__(config, folder, device)
        if not self.resumes:
            check_start(config, start)
        self.data = sorted(file.stem for file in files)
        if self.resumes:
            check_same_run(folder, config, self.data)
        torch.manual_seed(config.seed)
        self.model = build(config)
        self.sampler = ClipSampler(files, config.data)
        self.held_out = held_out(validation or [], config.validation)
        folder.mkdir(parents=True, exist_ok=True)
        record = read_config(folder)[1] if self.resumes else self._begin(start)
        self.place_model(self.model, self.model, self.model.blocks())
        self.perception: Perception | None = None
        if config.perceptual.wanted:
            self.perception = Perception(config.perceptual, self.device, bfloat16=config.bfloat16)
            if self.resumes:
                self.perception.load(load_beside(folder / CHECKPOINT))
        if self.rank == 0:
            write_record(folder, record | record_of(config, self.processes, self.data))

    def new_optimizer(self) -> torch.optim.Optimizer:
        """AdamW; the linear transforms learn more slowly."""
        named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
        transforms = [p for name, p in named if ".transform." in name]  # start as PCA: to be refined, not redone
        others = [p for name, p in named if ".transform." not in name]
        groups = [{"params": others, "share": 1.0}, {"params": transforms, "share": self.config.transform_share}]
        return torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=0.0, betas=(0.9, 0.98), weight_decay=1e-4
        )

    def _begin(self, start: Path | None) -> dict[str, Any]:
        """Give the new model its first weights; what the record says of them."""
        if start is None:
            if isinstance(self.model, JointModel):
                self._begin_with_pca(self.model.tokenizer)
            elif isinstance(self.model, CompactModel):
                self._begin_with_signs(self.model.tokenizer)
            return {}
        if start.is_dir():
            state, steps = averaged_weights(start / CHECKPOINT)
            origin: dict[str, Any] = {"steps": steps, **read_config(start)[1]}
        else:
            state, origin = weights_of_model(start)
        take_weights(self.model, state, start, self.config.stage)
        return {"start": origin}

    def _begin_with_pca(self, tokenizer: TinyTokenizer) -> None:
        generator = self.generator(own=False)
        clips = torch.cat([self.sampler.batch(16, 5, generator) for _ in range(16)])
        first, following = clips[:, :, 0], clips[:, :, 1:]
        motion = search_motion(MotionMatch.of(following, first), None, LAGRANGIAN * step_size(PCA_QUALITY) ** 2)
        missed = patchify(following - predict(first, motion))
        still = patchify(clips)
        tokenizer.start_from_pca(still.reshape(-1, FRAME_DIMS), missed.reshape(-1, missed.shape[-1]))

    def _begin_with_signs(self, tokenizer: CompactTokenizer) -> None:
        generator = self.generator(own=False)
        clips = torch.cat([self.sampler.batch(16, 5, generator) for _ in range(16)])
        first, following = patchify(clips[:, :, :1]), patchify(clips[:, :, 1:])
        tokenizer.start_from_pca(first.flatten(0, 2), following.flatten(0, 2))

    def gradients(self) -> Iterator[Figures]:
        """One choice of clips, for the parts that they are learnt from one after the other."""
        config = self.config
        # as many parts on every rank, so that all come to the next clip, and to a checkpoint, together
        parts = int(torch.randint(len(config.long_clips), (), generator=self.generator(own=False)))
        parts = min(config.long_clips[parts], config.steps - self.step)
        generator = self.generator(own=True)
        frames = 1 + (config.data.frames - 1) * parts
        clips = self.sampler.batch(config.batch * config.accumulate, frames, generator)
        # one choice for all where parameters are sharded: those that it leaves out must be so everywhere
        choice = draw(config.loss, self.generator(own=False) if config.sharded else generator)
        carries: list[Carry | None] = [None] * config.accumulate
        for part in clips.split([config.data.frames, *[config.data.frames - 1] * (parts - 1)], dim=2):
            outs = self._gradient(part, choice, generator, carries)
            carries = [out.carry for out in outs]
            yield partial(self._row, outs, choice.quality)

    def _gradient(
        self, clips: Tensor, choice: Draw, generator: torch.Generator, carries: list[Carry | None]
    ) -> list[StepLoss]:
        """Losses of the batches that `clips` fall into, their mean's gradient left in the parameters."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.perception is not None:
            self.perception.begin()
        outs: list[StepLoss] = []
        for part, carry in zip(clips.split(self.config.batch), carries, strict=True):
            batch, last = part.to(self.device), len(outs) + 1 == len(carries)
            with gathering(self.parallel, last=last):
                out: StepLoss = self.parallel(batch, choice, generator, carry, self.step)
                if self.perception is not None:
                    out.loss = out.loss + self.perception.loss(batch, out.decoded, self.step)
                (out.loss / len(carries)).backward()
            if self.perception is not None:
                self.perception.learn(batch, out.decoded, last=last, share=1 / len(carries))
            outs.append(out)
        return outs

    def descend(self) -> float:
        """One optimizer step; the discriminator, if there is one, takes its own."""
        if self.perception is not None:
            self.perception.descend(learning_rate(self.config, self.step), self.config.clip_norm)
        return super().descend()

    def beside(self) -> dict[str, Tensor]:
        """What the discriminator needs to go on."""
        return {} if self.perception is None else self.perception.state()

    @property
    def measured_steps(self) -> int:
        """As configured, if there are held-out clips."""
        return self.config.validation.every if self.held_out else 0

    def measure(self, log: RunLog | None) -> None:
        """Measure on the held-out clips, and draw some of them."""
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

    def _row(self, outs: list[StepLoss], quality: int) -> dict[str, float]:
        pixels = sum(out.frames for out in outs) * self.config.data.crop**2
        error = sum(float(out.squared_error) for out in outs) / pixels  # about the mean of R, G and B (see frames.py)
        row = {
            "quality": quality,
            "loss": round(sum(float(out.loss.detach()) for out in outs) / len(outs), 4),
            "psnr": round(-10 * math.log10(max(error, 1e-9)), 2),
            "bpp": round(sum(float(out.bits) for out in outs) / pixels, 5),
        }
        return row if self.perception is None else row | self.perception.figures()
