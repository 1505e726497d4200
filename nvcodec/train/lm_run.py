"""A run of the language model, in the loop of all stages (`loop.py`).

A run is a folder as any other's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nvcodec.errors import NvcodecError
from nvcodec.generate.known import first_frames
from nvcodec.generate.model import LmDescription, LmNetwork
from nvcodec.generate.neighbours import told_around
from nvcodec.generate.objectives import LmLoss, draw_masks
from nvcodec.generate.transformer import CLASS_SCALE, Grid, TokenTransformer
from nvcodec.train.checkpoint import CHECKPOINT
from nvcodec.train.config import from_dict, read_record, record_of, write_record
from nvcodec.train.labelled import LabelledRun
from nvcodec.train.lessons import LmLearner, draw_lesson
from nvcodec.train.lm_config import LmTrainConfig, check_lm, model_config
from nvcodec.train.lm_data import TokenSet
from nvcodec.train.log import RunLog
from nvcodec.train.loop import VALIDATION, Figures, averaged
from nvcodec.train.optimizers import Together, adamw, muon
from nvcodec.train.processes import gathering
from nvcodec.train.start import averaged_weights
from nvcodec.understand.class_parts import members
from nvcodec.weights import load_network


class LmRun(LabelledRun[TokenTransformer, TokenSet, LmTrainConfig]):
    """A run of one objective over the tokens of labelled clips."""

    def __init__(
        self,
        config: LmTrainConfig,
        folder: Path,
        clips: TokenSet,
        held_out: TokenSet | None,
        tokenizer: str,
        token_bits: int,
        start: Path | None = None,
        device: torch.device | None = None,
    ) -> None:
        """The run in `folder`, or a new one, that learns `clips` and is measured on `held_out`, a set's validation.

        `tokenizer` is the hash of the weights whose tokens of `token_bits` bits they are. A new run goes out from the
        averaged weights of the run or exported model `start`, of either objective. NvcodecError for a run that is
        there but another, for what cannot be trained and for a start of other sizes, classes or tokens.
        """
        check_lm(config)
        super().__init__(config, folder, clips, held_out, device)
        described = LmDescription(
            model=model_config(config, len(clips.classes), token_bits),
            objective=config.objective,
            classes=clips.classes,
            frames=config.frames,
            size=config.size,
            tokenizer=tokenizer,
        )
        transformer = TokenTransformer(described.model)
        begin_classes(transformer, clips.classes)
        origin: dict[str, Any] = {}
        if self.resumes:
            origin = {key: value for key, value in read_record(folder, LmTrainConfig)[1].items() if key == "start"}
        elif start is not None:
            origin = {"start": _take_start(transformer, described, start)}
        folder.mkdir(parents=True, exist_ok=True)
        self.place_model(transformer, LmLearner(transformer, config), list(transformer.blocks))
        if self.rank == 0:
            write_record(folder, {"lm": asdict(described)} | origin | record_of(config, self.processes, [clips.key]))

    def new_optimizer(self) -> torch.optim.Optimizer:
        """AdamW, or Muon for the matrices of the blocks and of the neighbours."""
        config, model = self.config, self.model
        if not config.muon:
            return super().new_optimizer()
        within = [*model.blocks, *([model.neighbours] if model.neighbours is not None else [])]
        matrices = [p for part in within for p in part.parameters() if p.dim() == 2]
        chosen = {id(p) for p in matrices}
        others = (p for p in model.parameters() if id(p) not in chosen)
        return Together(
            adamw(others, config.second_moment, config.weight_decay), muon(matrices, config.muon, config.weight_decay)
        )

    def gradients(self) -> Iterator[Figures]:
        """A step's clips, in `accumulate` batches; of some steps more clips, and their first latent frames alone.

        What moves hangs on how the first frame is drawn, and that is a small share of a clip's loss.
        """
        config = self.config
        generator = self.generator(own=True)
        still = float(torch.rand((), generator=self.generator(own=False))) < config.still_share
        grid = config.still_grid if still else config.grid
        self.optimizer.zero_grad(set_to_none=True)
        outs: list[LmLoss] = []
        for part, last in self.batches(generator):
            many = config.grid[0] * len(part)
            places = torch.randint(len(self.clips), (many,), generator=generator) if still else part
            tokens, labels = self.clips.batch(places)
            tokens = tokens[:, : prod(grid)]
            classes, masked = draw_lesson(config, self.model, labels, grid, generator)
            with gathering(self.parallel, last=last):
                out = self._loss(tokens, classes, masked, grid)
                (out.loss / config.accumulate).backward()
            outs.append(out)
        yield partial(_row, outs)

    def _loss(self, tokens: Tensor, classes: Tensor, masked: Tensor | None, grid: Grid) -> LmLoss:
        to = self.device
        return self.parallel(tokens.to(to), classes.to(to), masked.to(to) if masked is not None else None, grid)

    def measure(self, log: RunLog | None) -> None:
        """Bits per token of the averaged weights, with the same masks each time."""
        assert self.held_out is not None
        with averaged(self.model, self.average):
            row = measured(self, self.held_out)
        if log is not None:
            log.row(VALIDATION, {"step": self.step} | row)


@torch.no_grad()
def begin_classes(transformer: TokenTransformer, classes: tuple[str, ...]) -> None:
    """Let classes that share a part of their names begin alike, each as the sum of its parts' random vectors.

    What a "3" looks like is then learnt from all motions of it at once.
    """
    parts, rows = members(classes), transformer.classes.weight
    vectors = [member.T @ torch.randn(len(member), rows.shape[1]) for member in parts]
    rows[: len(classes)] = torch.stack(vectors).sum(0) * CLASS_SCALE / len(parts) ** 0.5


@torch.no_grad()
def measured(run: LmRun, clips: TokenSet) -> dict[str, float]:
    """Bits per token of `clips` with their classes: of `all`, and of those `predicted` after the first latent frame.

    A masked model's are those of the tokens masked by the cosine schedule, the first latent frame given for the
    second figure; they are no code length, and not to be held against the other objective's.
    """
    run.parallel.eval()
    names = ("all", "predicted") if run.config.grid[0] > 1 else ("all",)
    first = first_frames(run.config.grid, 1)
    generator = torch.Generator().manual_seed(0)
    bits, counts = (torch.zeros(len(names), dtype=torch.float64) for _ in range(2))
    for part in torch.arange(len(clips.labels)).split(run.config.batch):
        tokens, labels = clips.batch(part)
        if run.config.objective == "next":
            each = run._loss(tokens, labels, None, run.config.grid).bits.cpu()
            found = [each, each[:, ~first]][: len(names)]
            counted = [torch.ones_like(bits, dtype=torch.bool) for bits in found]
        else:
            known = first.expand(tokens.shape)
            shape = tokens.shape[0], tokens.shape[1]
            masks = [draw_masks(shape, generator, given) for given in (None, known)[: len(names)]]
            outs = [run._loss(tokens, labels, masked, run.config.grid) for masked in masks]
            found, counted = [out.bits.cpu() for out in outs], masks
        bits += torch.tensor([float(each.sum()) for each in found])
        counts += torch.tensor([float(each.sum()) for each in counted])
    run.parallel.train()
    return {name: round(value, 5) for name, value in zip(names, (bits / counts).tolist(), strict=True)}


def _take_start(transformer: TokenTransformer, described: LmDescription, start: Path) -> dict[str, Any]:
    """Put what the run or exported model `start` has learnt into `transformer`; gives what the record says of it."""
    other, state, origin = _learnt(start)
    model = replace(other.model, dropout=described.model.dropout)
    if described.model.around and model.neighbours and not model.around:
        key = "neighbours.mix.weight"
        model, state = replace(model, around=True), state | {key: told_around(state[key])}
    if replace(other, objective=described.objective, model=model) != described:
        raise NvcodecError(f"--start {start}: it has other sizes, classes or tokens than this run")
    transformer.load_state_dict(state)
    return origin


def _learnt(start: Path) -> tuple[LmDescription, dict[str, Tensor], dict[str, Any]]:
    """What a run or an exported model is, its weights (of a run the averaged ones), and what names it."""
    if start.is_dir():
        _, record = read_record(start, LmTrainConfig)
        state, steps = averaged_weights(start / CHECKPOINT)
        return from_dict(LmDescription, record["lm"]), state, {"steps": steps, **record}
    loaded = load_network(start)
    if not isinstance(loaded.module, LmNetwork):
        raise NvcodecError(f"--start {start} is no language model, but of the kind {loaded.kind!r}")
    network = loaded.module
    return network.description, network.transformer.state_dict(), {"name": loaded.name, "sha256": loaded.sha256}


def _row(outs: list[LmLoss]) -> dict[str, float]:
    return {
        "loss": round(sum(float(out.loss.detach()) for out in outs) / len(outs), 4),
        "bits": round(sum(out.bits_per_token for out in outs) / len(outs), 4),
    }
