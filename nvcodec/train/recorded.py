"""`python -m nvcodec.train.recorded --levels DIR --start MODEL --run DIR`: the prior learns from recorded GOPs.

Example: `python -m nvcodec.train.recorded --levels runs/recorded --start tiny.safetensors --run runs/prior`

What `record.py` wrote is read in batches of whole GOPs, a few latent frames an optimizer step, the prior's memory
carried from one to the next. The loss of a GOP is its bits a position, b, as b / (b̄ + ½) with b̄ held fixed: a percent
saved counts about as much at every rate. Killed and started again with the same folder, a run goes on from its last
checkpoint. Under torchrun every process draws its own GOPs. The run is exported as any other.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from nvcodec.prior.transformer import Prior
from nvcodec.tokenizer.conditioning import conditions
from nvcodec.tokenizer.motion import MOTION_DIMS
from nvcodec.train.config import TrainConfig, check_same_run, record_of, write_record
from nvcodec.train.joint import latent_bits, latent_motion
from nvcodec.train.loop import Figures, Loop
from nvcodec.train.networks import JointModel
from nvcodec.train.processes import join_processes, leave_processes
from nvcodec.train.record import read_gop
from nvcodec.train.start import take_weights, weights_of_model

LATENTS = 6  # of an optimizer step
PER_POSITION = 0.5  # bits, below which savings count for less


@dataclass(frozen=True)
class GopState:
    """Where a batch of GOPs stands between two steps; no gradient passes."""

    level: Tensor  # [B, h·w, 4 + D], of the latent frame before
    memory: Tensor  # [B, h, w, C]


def gop_bits(
    prior: Prior, levels: Tensor, size: tuple[int, int], condition: list[Tensor], state: GopState | None
) -> tuple[Tensor, GopState]:
    """Bits `[B]` of latent frames `[B, T', h·w, 4 + D]`, the first of GOPs or those that come after `state`.

    `size` is (h, w); `condition`, of every latent frame, [B, CONDITIONS].
    """
    b = len(levels)
    bits = levels.new_zeros(b)
    for level, known in zip(levels.unbind(1), condition, strict=True):
        motion, latent = (part.reshape(b, *size, -1) for part in level.tensor_split([MOTION_DIMS], dim=-1))
        memory, context = prior.initial_memory(b, *size), None
        if state is not None:
            motion_before, before = state.level.tensor_split([MOTION_DIMS], dim=-1)
            _, price = latent_motion(prior, motion, motion_before, known, None)
            bits = bits + price
            memory = context = prior.context(before.reshape(b, *size, -1), state.memory, motion, known)
        _, price = latent_bits(prior, latent, context, known, lambda values, parameters, dims: values)
        bits = bits + price
        state = GopState(level, memory)
    assert state is not None
    return bits, state


class RecordedPrior(nn.Module):
    """The shipped networks, of which the prior learns; called with recorded GOPs."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.networks = JointModel(replace(config, stage="prior"))

    def forward(
        self, levels: Tensor, size: tuple[int, int], condition: list[Tensor], state: GopState | None
    ) -> tuple[Tensor, Tensor, GopState]:
        """The loss, bits a position and latent frame `[B]`, and the state to go on with."""
        bits, after = gop_bits(self.networks.prior, levels, size, condition, state)
        each = bits / (size[0] * size[1] * levels.shape[1])
        loss = (each / (each.detach() + PER_POSITION)).mean()
        return loss, each.detach(), GopState(after.level, after.memory.detach())


class RecordedRun(Loop[JointModel]):
    """A run over recorded GOPs, all of one size; kept in its folder as any other run is."""

    config: TrainConfig

    def __init__(self, config: TrainConfig, folder: Path, levels: list[Path], start: Path) -> None:
        """The run in `folder`, or a new one, that learns the GOPs in the files `levels` from the model `start` on."""
        super().__init__(config, folder)
        self.levels = levels
        names = [_summary(levels)]
        if self.resumes:
            check_same_run(folder, config, names)
        torch.manual_seed(config.seed)
        learner = RecordedPrior(config)
        state, origin = weights_of_model(start)
        take_weights(learner.networks, state, start, "prior")
        self.place_model(learner.networks, learner, learner.networks.blocks())
        if self.rank == 0 and not self.resumes:
            folder.mkdir(parents=True, exist_ok=True)
            write_record(folder, {"start": origin} | record_of(config, self.processes, names))

    def new_optimizer(self) -> torch.optim.Optimizer:
        """AdamW, without decay."""
        learning = [p for p in self.model.parameters() if p.requires_grad]
        return torch.optim.AdamW([{"params": learning, "share": 1.0}], lr=0.0, betas=(0.9, 0.98), weight_decay=0.0)

    def gradients(self) -> Iterator[Figures]:
        """Drawn GOPs, a few latent frames a step."""
        levels, first, others = self._batch()
        side = int(levels.shape[2] ** 0.5)
        state: GopState | None = None
        for part in levels.split(LATENTS, dim=1):
            condition = [others] * part.shape[1]
            if state is None:
                condition[0] = first
            self.optimizer.zero_grad(set_to_none=True)
            loss, each, state = self.parallel(part, (side, side), condition, state)
            loss.backward()
            yield partial(_row, each)

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Levels `[B, T', h·w, 4 + D]` of drawn GOPs, and the conditions `[B, …]` of their first and other frames."""
        g = self.generator(own=True)
        drawn = torch.randint(len(self.levels), (self.config.batch,), generator=g).tolist()
        qualities, levels = zip(*(read_gop(self.levels[number]) for number in drawn), strict=True)
        first = torch.stack([conditions(quality.first, first=True) for quality in qualities])
        others = torch.stack([conditions(quality.others, first=False) for quality in qualities])
        return torch.stack(levels).float().to(self.device), first.to(self.device), others.to(self.device)


def _row(each: Tensor) -> dict[str, float]:
    return {"bits": round(float(each.mean()), 4)}


def _summary(levels: list[Path]) -> str:
    """How many GOPs, and a hash of their names, which say seeds and numbers."""
    names = sorted(path.name for path in levels)
    return f"{len(names)} recorded GOPs, names {hashlib.sha256(' '.join(names).encode()).hexdigest()[:16]}"


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m nvcodec.train.recorded", description=__doc__)
    parser.add_argument("--levels", type=Path, required=True, help="folder of recorded GOPs")
    parser.add_argument("--start", type=Path, required=True, help="exported model whose prior goes on learning")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; one that is there is gone on with")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=6, help="GOPs a process")
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    join_processes()
    try:
        config = TrainConfig(
            steps=arguments.steps,
            batch=arguments.batch,
            learning_rate=arguments.learning_rate,
            seed=arguments.seed,
            warmup=100,
            clip_norm=1.0,
            stage="prior",
        )
        files = sorted(arguments.levels.glob("*-*.npz"))
        RecordedRun(config, arguments.run, files, arguments.start).train()
    finally:
        leave_processes()


if __name__ == "__main__":
    main()
