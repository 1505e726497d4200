"""`tiny`: the tokenizer that is shipped, a causal network at 1/8 resolution that runs in real time on a CPU.

One step codes one latent frame: the first frame of a GOP alone, then four frames at a time. Both halves
of the network see what the decoder already knows, the last decoded frame and the decoder's features, so
a step codes only what is new; a picture that stands still needs no significant coefficient at all.
A linear transform (at the start of training the PCA of the patches) carries the picture, and convolutions
beside it, zero at the start, add what a linear transform cannot do.

Shapes: B batch, h × w positions of 8 × 8 pixels, D latent dimensions, C features; channels last.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.tokenizer.conditioning import CONDITIONS, HAT_SCALE
from nvcodec.tokenizer.quantize import keep_planes

PHASES = 6  # channels of a frame: four luma phases, U and V
PATCH = 4  # side of a patch on the half-resolution grid: 8 luma pixels
FRAME_DIMS = PHASES * PATCH * PATCH
STEP_FRAMES = 4


@dataclass(frozen=True)
class TinyConfig:
    """Sizes of the network. The defaults are those of the shipped weights."""

    latent_dims: int = 64
    token_dims: int = 18
    width: int = 192
    encoder_blocks: int = 2
    decoder_blocks: int = 4
    expansion: int = 2


@dataclass(frozen=True)
class DecoderState:
    """What the decoder carries from one latent frame to the next."""

    last: Tensor  # [B, h, w, FRAME_DIMS] patches of the last decoded frame
    hidden: Tensor  # [B, h, w, C] its features


def patchify(frames: Tensor) -> Tensor:
    """Frames `[B, 6, T, 4h, 4w]` to patches `[B, h, w, T·96]`."""
    b, c, t, hh, ww = frames.shape
    x = frames.reshape(b, c, t, hh // PATCH, PATCH, ww // PATCH, PATCH)
    return x.permute(0, 3, 5, 2, 1, 4, 6).reshape(b, hh // PATCH, ww // PATCH, t * FRAME_DIMS)


def unpatchify(patches: Tensor) -> Tensor:
    """Patches `[B, h, w, T·96]` to frames `[B, 6, T, 4h, 4w]`; the inverse of `patchify`."""
    b, h, w, n = patches.shape
    x = patches.reshape(b, h, w, n // FRAME_DIMS, PHASES, PATCH, PATCH)
    return x.permute(0, 4, 3, 1, 5, 2, 6).reshape(b, PHASES, n // FRAME_DIMS, h * PATCH, w * PATCH)


class ConvBlock(nn.Module):
    """Depthwise 5 × 5, modulation by the conditions, then two pointwise layers, beside the identity."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.modulation = nn.Linear(CONDITIONS, 2 * width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        with torch.no_grad():
            self.down.weight.mul_(0.5)

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        """`x` [B, h, w, C], `conditions` [B, 1, 1, CONDITIONS] in 0…1."""
        y = self.depthwise(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        scale, shift = self.modulation(conditions).chunk(2, dim=-1)
        y = torch.addcmul(shift, y, 1 + scale)
        return x + self.down(F.leaky_relu(self.up(y), 0.1))


def _zero_linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class _Analysis(nn.Module):
    """Patches and context to a latent: a linear transform plus a correction by the network."""

    def __init__(self, inputs: int, config: TinyConfig) -> None:
        super().__init__()
        self.transform = nn.Linear(inputs, config.latent_dims, bias=False)
        self.embed = nn.Linear(inputs, config.width)
        self.correct = _zero_linear(config.width, config.latent_dims)


class _Synthesis(nn.Module):
    """Latent and context to patches: the mirror of `_Analysis`."""

    def __init__(self, outputs: int, config: TinyConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(config.latent_dims, config.width)
        self.transform = nn.Linear(config.latent_dims, outputs, bias=False)
        self.correct = _zero_linear(config.width, outputs)
        self.token_scale = nn.Parameter(torch.full((config.token_dims,), 0.3))


class TinyTokenizer(nn.Module):
    """The closed-loop causal tokenizer. `analyse` and `synthesise` are called in turn, a latent frame each."""

    def __init__(self, config: TinyConfig = TinyConfig()) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.first_analysis = _Analysis(FRAME_DIMS, config)
        self.next_analysis = _Analysis(STEP_FRAMES * FRAME_DIMS, config)
        self.first_synthesis = _Synthesis(FRAME_DIMS, config)
        self.next_synthesis = _Synthesis(STEP_FRAMES * FRAME_DIMS, config)
        self.encoder_context = nn.Linear(FRAME_DIMS + width, width)
        self.decoder_context = nn.Linear(FRAME_DIMS + width, width)
        self.encoder = nn.ModuleList(ConvBlock(width, config.expansion) for _ in range(config.encoder_blocks))
        self.decoder = nn.ModuleList(ConvBlock(width, config.expansion) for _ in range(config.decoder_blocks))
        self.shrink = _zero_linear(CONDITIONS, config.latent_dims)  # how far inside its cell a level is rebuilt

    def analyse(self, frames: Tensor, state: DecoderState | None, conditions: Tensor) -> Tensor:
        """The latent `[B, h, w, D]` of the next frames.

        `frames` [B, 6, T, 4h, 4w] with T = 1 when `state` is None (a GOP starts) and T = 4 afterwards;
        `conditions` [B, CONDITIONS] as `conditioning.conditions` gives them.
        """
        c = conditions[:, None, None, :] / HAT_SCALE
        patches = patchify(frames)
        if state is None:
            part, context = self.first_analysis, 0.0
        else:
            part = self.next_analysis
            patches = patches - state.last.repeat(1, 1, 1, STEP_FRAMES)
            context = self.encoder_context(torch.cat([state.last, state.hidden], dim=-1))
        x = part.embed(patches) + context
        for block in self.encoder:
            x = block(x, c)
        return part.transform(patches) + part.correct(x)

    def dequantize(self, level: Tensor, step: Tensor | float, conditions: Tensor, dropped: int = 0) -> Tensor:
        """Levels `[B, h, w, D]` at step Δ to latent values, a little inside their cells where that is likelier."""
        shrink = self.shrink(conditions[:, None, None, :] / HAT_SCALE)
        known = keep_planes(level, dropped)
        return (known - torch.sign(known.detach()) * shrink) * step

    def token_latent(self, signs: Tensor, *, first: bool) -> Tensor:
        """Token signs `[B, h, w, 18]` in ±1 to a latent `[B, h, w, D]`: the sign planes alone."""
        value = signs * self.token_scale(first=first)
        return F.pad(value, (0, self.config.latent_dims - self.config.token_dims))

    def token_scale(self, *, first: bool) -> Tensor:
        """The size `[18]` of latent that a token's sign stands for."""
        return (self.first_synthesis if first else self.next_synthesis).token_scale

    def synthesise(
        self, latent: Tensor, state: DecoderState | None, conditions: Tensor
    ) -> tuple[Tensor, DecoderState]:
        """Frames `[B, 6, T, 4h, 4w]` of a dequantized latent `[B, h, w, D]`, and the state to carry on with."""
        c = conditions[:, None, None, :] / HAT_SCALE
        if state is None:
            part, base, context = self.first_synthesis, 0.0, 0.0
        else:
            part = self.next_synthesis
            base = state.last.repeat(1, 1, 1, STEP_FRAMES)
            context = self.decoder_context(torch.cat([state.last, state.hidden], dim=-1))
        x = part.embed(latent) + context
        for block in self.decoder:
            x = block(x, c)
        x = F.rms_norm(x, x.shape[-1:])
        patches = base + part.transform(latent) + part.correct(x)
        return unpatchify(patches), DecoderState(last=patches[..., -FRAME_DIMS:], hidden=x)

    @torch.no_grad()
    def start_from_pca(self, first: Tensor, following: Tensor) -> None:
        """Set the linear transforms to the PCA of patches `[N, 96]` and of differences `[N, 384]`."""
        pairs = ((self.first_analysis, self.first_synthesis, first), (self.next_analysis, self.next_synthesis, following))
        for analysis, synthesis, samples in pairs:
            _, vectors = torch.linalg.eigh(samples.T @ samples)
            basis = vectors.flip(1)[:, : self.config.latent_dims]
            analysis.transform.weight.copy_(basis.T)
            synthesis.transform.weight.copy_(basis)
