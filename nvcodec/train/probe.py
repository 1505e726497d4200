"""A run that learns the classes of clips, in the loop of all stages (`loop.py`): the probe, or the feature network.

The feature network sees its clips
varied, the probe as they are: what it reads may be tokens, which cannot be varied without the tokenizer, and pixels
are to have no more than those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.train.config import record_of, write_record
from nvcodec.train.labelled import ClipSet, LabelledRun
from nvcodec.train.log import RunLog
from nvcodec.train.loop import VALIDATION, Figures, averaged
from nvcodec.train.pixel_data import PixelSet, varied
from nvcodec.train.probe_config import FEATURES, PIXELS, ProbeTrainConfig, check_probe
from nvcodec.train.processes import gathering
from nvcodec.understand.feature_network import FeatureConfig, FeatureNetwork
from nvcodec.understand.scores import agreement
from nvcodec.understand.video_transformer import ProbeConfig, VideoTransformer

TEST = "test.json"  # in the folder of a run that is through: its accuracy on the test split
STILLS_UNTIL = 0.8  # of a run


@dataclass(frozen=True)
class Accuracy:
    """On so many clips: the share that is judged right, that of each part of the classes' names, and the loss."""

    clips: int
    accuracy: float
    parts: tuple[float, ...]
    loss: float

    def row(self) -> dict[str, float]:
        """For logs and cards; classes that are whole have no parts."""
        parts = {f"part {number + 1}": round(share, 4) for number, share in enumerate(self.parts)}
        row = {"clips": self.clips, "accuracy": round(self.accuracy, 4), "loss": round(self.loss, 4)}
        return row | (parts if len(parts) > 1 else {})


def network_config(
    config: ProbeTrainConfig, classes: tuple[str, ...], reads: str, vocabulary: int, tokenizer: str
) -> ProbeConfig | FeatureConfig:
    """Sizes of the network of a run. NvcodecError where they do not go together."""
    common = {"classes": classes, "frames": config.frames, "size": config.size}
    if config.stage == FEATURES:
        return FeatureConfig(**common, **asdict(config.features))
    return ProbeConfig(**common, **asdict(config.model), reads=reads, vocabulary=vocabulary, tokenizer=tokenizer)


class ProbeRun(LabelledRun[VideoTransformer | FeatureNetwork, ClipSet, ProbeTrainConfig]):
    """A run over labelled clips."""

    def __init__(
        self,
        config: ProbeTrainConfig,
        folder: Path,
        clips: ClipSet,
        held_out: ClipSet | None,
        *,
        reads: str = PIXELS,
        vocabulary: int = 0,
        tokenizer: str = "",
        device: torch.device | None = None,
    ) -> None:
        """The run in `folder`, or a new one, that learns `clips` and is measured on `held_out`, a set's validation.

        `reads`, `vocabulary` and `tokenizer` are those of `ProbeConfig`. NvcodecError for a run that is there but
        another, and for what cannot be trained.
        """
        check_probe(config)
        super().__init__(config, folder, clips, held_out, device)
        described = network_config(config, clips.classes, reads, vocabulary, tokenizer)
        model = VideoTransformer(described) if isinstance(described, ProbeConfig) else FeatureNetwork(described)
        learner = Learner(model, mixed=config.bfloat16)
        folder.mkdir(parents=True, exist_ok=True)
        self.place_model(model, learner, model.blocks())
        if self.rank == 0:
            record = {"network": asdict(described)} | record_of(config, self.processes, [clips.key])
            write_record(folder, record)

    def gradients(self) -> Iterator[Figures]:
        """A step's clips, in `accumulate` batches."""
        generator = self.generator(own=True)
        self.optimizer.zero_grad(set_to_none=True)
        found: list[tuple[Tensor, Tensor]] = []
        for part, last in self.batches(generator):
            x, labels = self._read(part, generator)
            with gathering(self.parallel, last=last):
                loss, logits = self.parallel(x.to(self.device), labels.to(self.device))
                (loss / self.config.accumulate).backward()
            found.append((loss.detach(), logits.detach().argmax(1).cpu() == labels))
        yield partial(_row, found)

    def _read(self, places: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What this step learns from of the clips at `places`, and their labels."""
        if self.config.stage != FEATURES or not isinstance(self.clips, PixelSet):
            return self.clips.batch(places)
        chosen = torch.rand((), generator=self.generator(own=False)) < self.config.still_share  # by all processes
        still = bool(chosen) and self.step < STILLS_UNTIL * self.config.steps
        x, labels = self.clips.stills(places, generator) if still else self.clips.batch(places)
        return varied(x, generator), labels

    def measure(self, log: RunLog | None) -> None:
        """Accuracy of the averaged weights."""
        assert self.held_out is not None
        found = self.accuracy(self.held_out)
        if log is not None:
            log.row(VALIDATION, {"step": self.step} | found.row())

    @torch.no_grad()
    def accuracy(self, clips: ClipSet) -> Accuracy:
        """Of the averaged weights on `clips`. All processes call it."""
        self.parallel.eval()
        found, wanted = [], []
        with averaged(self.model, self.average):
            for part in torch.arange(len(clips)).split(self.config.batch):
                x, labels = clips.batch(part)
                found.append(self.parallel(x.to(self.device), labels.to(self.device))[1].cpu())
                wanted.append(labels)
        self.parallel.train()
        logits, labels = torch.cat(found), torch.cat(wanted)
        right = agreement(logits.softmax(1), labels, clips.classes)
        return Accuracy(len(labels), right.whole, right.parts, float(F.cross_entropy(logits, labels)))


class Learner(nn.Module):
    """The network with its loss, so that data-parallel training wraps them once; `mixed`: learns partly in bfloat16."""

    def __init__(self, model: VideoTransformer | FeatureNetwork, *, mixed: bool) -> None:
        super().__init__()
        self.model, self.mixed = model, mixed

    def forward(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy of the classes `labels` [B], and logits `[B, classes]`."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.mixed and self.training):
            logits: Tensor = self.model(x)
        logits = logits.float()
        return F.cross_entropy(logits, labels), logits


def _row(found: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    losses, right = zip(*found, strict=True)
    return {
        "loss": round(float(torch.stack(losses).mean()), 4),
        "accuracy": round(float(torch.cat(right).float().mean()), 4),
    }
