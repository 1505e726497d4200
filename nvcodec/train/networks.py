"""What a run trains: a module that gives the loss of clips, and its parts.

`JointModel` is the tokenizer and prior that are shipped, `PaperTokenizer` is `magvit2` and `CompactModel` the language
model's `compact`. All are called alike.
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn

from nvcodec.bitstream import latent_frames
from nvcodec.errors import NvcodecError
from nvcodec.prior.transformer import Prior
from nvcodec.tokenizer import lfq
from nvcodec.tokenizer.compact import CompactTokenizer
from nvcodec.tokenizer.compact_blocks import CausalBlock
from nvcodec.tokenizer.magvit2 import Magvit2Tokenizer
from nvcodec.tokenizer.magvit2_blocks import ResidualBlock
from nvcodec.tokenizer.tiny import PATCH, TinyTokenizer
from nvcodec.train.colour import from_rgb, to_rgb
from nvcodec.train.config import TrainConfig
from nvcodec.train.joint import Carry, Draw, StepLoss, clip_loss

COMPACT_ERROR = 100.0  # weight of `compact`'s squared error, by which it outweighs what its quantizer adds


class JointModel(nn.Module):
    """Tokenizer and prior as one module, so that data-parallel training wraps them once."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = TinyTokenizer(config.tokenizer)
        self.prior = Prior(config.prior)
        self.tokenizer.requires_grad_(config.stage != "prior" and not config.perceptual.wanted)
        if config.perceptual.wanted:  # what levels mean and cost stays, how they look is what perception judges
            for part in self.tokenizer.drawing_parts():
                part.requires_grad_(True)
        self.prior.requires_grad_(config.stage != "tokenizer")

    def forward(
        self, clips: Tensor, choice: Draw, generator: torch.Generator, carry: Carry | None, step: int
    ) -> StepLoss:
        """The loss of `clips` [B, 6, T, H/2, W/2], or of what follows of them; the same at every `step`."""
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            return clip_loss(self.tokenizer, self.prior, clips, choice, self.config.loss, generator, carry)

    def blocks(self) -> list[nn.Module]:
        """The parts that a sharded run gathers one at a time."""
        return list(chain(self.tokenizer.encoder, self.tokenizer.decoder, self.prior.context.blocks))


class PaperTokenizer(nn.Module):
    """`magvit2` with its loss: squared error and what lookup-free quantization adds (Yu et al. 2023, appendix A).

    The adversarial term is a run's (`perceptual.py`), as for the other networks, where its configuration gives it a
    weight. The paper's perceptual term is not here: it needs a network trained on labelled photographs.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = Magvit2Tokenizer(config.magvit2)

    def forward(
        self, clips: Tensor, choice: Draw, generator: torch.Generator, carry: Carry | None, step: int
    ) -> StepLoss:
        """The loss of whole `clips` [B, 6, T, H/2, W/2] at a `step`; nothing is drawn and nothing carried."""
        frames = 2 * to_rgb(clips) - 1
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            decoded, latent = self.tokenizer(frames)
        latent = latent.float().movedim(1, -1)
        error = (decoded.float() - frames).square()
        loss = error.mean() + lfq.regularizer(latent, self.config.lfq, step)
        bits = latent.new_tensor(latent.numel())  # a bit a sign
        pictures = from_rgb((decoded.float() + 1) / 2)
        # a mean of three channels, in pixel values of 0…1, is about the sum of six that `clip_loss` gives
        return StepLoss(loss, error.detach().sum() / (3 * 2**2), bits, clips.shape[0] * clips.shape[2], carry, pictures)

    def blocks(self) -> list[nn.Module]:
        """The parts that a sharded run gathers one at a time."""
        return [module for module in self.tokenizer.modules() if isinstance(module, ResidualBlock)]


class CompactModel(nn.Module):
    """`compact` with its loss: squared error of the six channels, and what its quantizer adds."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = CompactTokenizer(config.compact)

    def forward(
        self, clips: Tensor, choice: Draw, generator: torch.Generator, carry: Carry | None, step: int
    ) -> StepLoss:
        """The loss of whole `clips` [B, 6, T, H/2, W/2] at a `step`; nothing is drawn and nothing carried."""
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            decoded, added = self.tokenizer(clips, self.config.lfq, step)
        error = (decoded.float() - clips).square()
        batch, _, frames, rows, columns = clips.shape
        tokens = batch * latent_frames(frames) * rows * columns / PATCH**2
        bits = error.new_tensor(tokens * self.tokenizer.bits)
        loss = COMPACT_ERROR * error.mean() + added
        return StepLoss(loss, error.detach().sum(), bits, batch * frames, carry, decoded.float())

    def blocks(self) -> list[nn.Module]:
        """The parts that a sharded run gathers one at a time."""
        return [module for module in self.tokenizer.modules() if isinstance(module, CausalBlock)]


TrainedModel = JointModel | PaperTokenizer | CompactModel
NETWORKS = {"tiny": JointModel, "magvit2": PaperTokenizer, "compact": CompactModel}


def build(config: TrainConfig) -> TrainedModel:
    """The untrained model of a configuration. NvcodecError for sizes that no network has."""
    try:
        return NETWORKS[config.network](config)
    except ValueError as error:
        raise NvcodecError(f"no network has these sizes: {error}") from error


def parameter_count(config: TrainConfig) -> dict[str, int]:
    """Parameters of each part, counted without memory for them."""
    with torch.device("meta"):
        model = build(config)
    return {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
