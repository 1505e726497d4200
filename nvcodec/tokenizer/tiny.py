"""`tiny`: the tokenizer that is shipped, a causal network at 1/8 resolution that runs in real time on a CPU.

One step codes one latent frame: the first frame of a GOP alone, then four frames at a time. What the decoder
already knows, its last frame moved by the motion dimensions and its features, is the prediction that both halves
of the network start from, so a step codes only what is new; a picture that stands still or merely moves needs no
significant coefficient at all. A linear transform (at the start of training the PCA of the patches) carries what
the prediction misses, and convolutions beside it, zero at the start, add what a linear transform cannot do.

Shapes: B batch, h × w positions of 8 × 8 pixels, D latent dimensions, C features; channels last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.tokenizer.conditioning import CONDITIONS, HAT_SCALE
from nvcodec.tokenizer.motion import STEP_FRAMES, carry, predict
from nvcodec.tokenizer.quantize import keep_planes

PHASES = 6  # channels of a frame: four luma phases, U and V
PATCH = 4  # side of a patch on the half-resolution grid: 8 luma pixels
FRAME_DIMS = PHASES * PATCH * PATCH


@dataclass(frozen=True)
class TinyConfig:
    """Sizes of the network. The defaults are those of the shipped weights."""

    latent_dims: int = 64
    token_dims: int = 18
    width: int = 256
    encoder_blocks: int = 2
    decoder_blocks: int = 4
    expansion: int = 2


@dataclass(frozen=True)
class DecoderState:
    """What the decoder carries from one latent frame to the next."""

    last: Tensor  # [B, 6, 4h, 4w] float32, the last decoded frame
    hidden: Tensor  # [B, h, w, C] its features


@dataclass(frozen=True)
class Prediction:
    """What the decoder knows of the next four frames before their latent."""

    patches: Tensor  # [B, h, w, 4·FRAME_DIMS] the last frame, moved
    hidden: Tensor  # [B, h, w, C] its features, moved


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
        with torch.autocast(
            x.device.type, enabled=False
        ):  # bfloat16's backward pass is slow for depthwise ones
            y = self.depthwise(x.to(self.depthwise.weight.dtype).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
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


def _precise(layer: nn.Linear, x: Tensor) -> Tensor:
    """The layer in float32 whatever the precision around it: the linear path carries the picture itself."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


def _bounded(frame: Tensor) -> Tensor:
    """A frame `[B, 6, 4h, 4w]` within what samples can be, so that no error grows from step to step for ever."""
    return torch.cat([frame[:, :4].clamp(-0.5, 0.5), frame[:, 4:].clamp(-1.0, 1.0)], dim=1)


class TinyTokenizer(nn.Module):
    """The closed-loop causal tokenizer: `predict`, `analyse` and `synthesise` in turn, a latent frame each."""

    def __init__(self, config: TinyConfig = TinyConfig()) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.first_analysis = _Analysis(FRAME_DIMS, config)
        self.next_analysis = _Analysis(STEP_FRAMES * FRAME_DIMS, config)
        self.first_synthesis = _Synthesis(FRAME_DIMS, config)
        self.next_synthesis = _Synthesis(STEP_FRAMES * FRAME_DIMS, config)
        self.encoder_context = nn.Linear(STEP_FRAMES * FRAME_DIMS + width, width)
        self.decoder_context = nn.Linear(STEP_FRAMES * FRAME_DIMS + width, width)
        self.encoder = nn.ModuleList(ConvBlock(width, config.expansion) for _ in range(config.encoder_blocks))
        self.decoder = nn.ModuleList(ConvBlock(width, config.expansion) for _ in range(config.decoder_blocks))
        self.shrink = _zero_linear(
            CONDITIONS, config.latent_dims
        )  # how far inside its cell a level is rebuilt

    def speed_up(self, dtype: torch.dtype = torch.bfloat16) -> Self:
        """Convert what is heavy and forgiving to `dtype`, for inference; the linear transforms stay float32."""
        for part in (self.first_analysis, self.next_analysis, self.first_synthesis, self.next_synthesis):
            part.embed.to(dtype)
            part.correct.to(dtype)
        for part in (self.encoder_context, self.decoder_context, self.encoder, self.decoder):
            part.to(dtype)
        return self

    def drawing_parts(self) -> list[nn.Module]:
        """The parts that decide how levels look, and neither what they mean nor what the analysis makes of frames."""
        syntheses = (self.first_synthesis, self.next_synthesis)
        layers = [layer for part in syntheses for layer in (part.embed, part.correct)]
        return [*layers, self.decoder_context, self.decoder]

    def predict(self, state: DecoderState, motion: Tensor) -> Prediction:
        """What the state shows of the next four frames, moved by motion levels `[B, h, w, 4]`."""
        return Prediction(patchify(predict(state.last, motion)), carry(state.hidden, motion))

    def analyse(self, frames: Tensor, prediction: Prediction | None, conditions: Tensor) -> Tensor:
        """The latent `[B, h, w, D]` float32 of the next frames.

        `frames` [B, 6, T, 4h, 4w] with T = 1 when `prediction` is None (a GOP starts) and T = 4 afterwards;
        `conditions` [B, CONDITIONS] as `conditioning.conditions` gives them.
        """
        patches = patchify(frames)
        if prediction is None:
            part = self.first_analysis
        else:
            part = self.next_analysis
            patches = patches - prediction.patches
        x = part.embed(patches.to(part.embed.weight.dtype))
        if prediction is not None:
            x = x + self._context(self.encoder_context, prediction)
        x = self._run(self.encoder, x, conditions)
        return _precise(part.transform, patches) + part.correct(x)

    def dequantize(self, level: Tensor, step: Tensor | float, conditions: Tensor, dropped: int = 0) -> Tensor:
        """Levels `[B, h, w, D]` at step Δ to latent values, a little inside their cells where that is likelier."""
        known = keep_planes(level, dropped)
        return (known - torch.sign(known.detach()) * self.shrinkage(conditions)) * step

    def shrinkage(self, conditions: Tensor) -> Tensor:
        """How far inside its cell a level is rebuilt, `[B, 1, 1, D]` in units of Δ."""
        return self.shrink(conditions[:, None, None, :] / HAT_SCALE)

    def project(self, patches: Tensor, *, first: bool) -> Tensor:
        """Patches `[B, h, w, T·96]` onto the columns of the synthesis's linear transform: `[B, h, w, D]` float32."""
        part = self.first_synthesis if first else self.next_synthesis
        return patches.float() @ part.transform.weight.float()

    def token_latent(self, signs: Tensor, *, first: bool) -> Tensor:
        """Token signs `[B, h, w, 18]` in ±1 to a latent `[B, h, w, D]`: the sign planes alone."""
        value = signs * self.token_scale(first=first)
        return F.pad(value, (0, self.config.latent_dims - self.config.token_dims))

    def token_scale(self, *, first: bool) -> Tensor:
        """The size `[18]` of latent that a token's sign stands for."""
        return (self.first_synthesis if first else self.next_synthesis).token_scale

    def synthesise(
        self, latent: Tensor, prediction: Prediction | None, conditions: Tensor
    ) -> tuple[Tensor, DecoderState]:
        """Frames `[B, 6, T, 4h, 4w]` of a dequantized latent `[B, h, w, D]`, and the state to carry on with."""
        part = self.first_synthesis if prediction is None else self.next_synthesis
        x = part.embed(latent.to(part.embed.weight.dtype))
        if prediction is not None:
            x = x + self._context(self.decoder_context, prediction)
        x = self._run(self.decoder, x, conditions)
        x = F.rms_norm(x, x.shape[-1:])
        patches = _precise(part.transform, latent) + part.correct(x)
        if prediction is not None:
            # Where a step codes nothing the prediction stays as it is: what the network would add there grows, over a
            # GOP's many steps, into ridges that later steps must pay to remove.
            silent = (latent == 0).all(dim=-1, keepdim=True)
            patches = prediction.patches + torch.where(silent, 0.0, patches)
        frames = unpatchify(patches)
        return frames, DecoderState(last=_bounded(frames[:, :, -1]), hidden=x)

    def _context(self, layer: nn.Linear, prediction: Prediction) -> Tensor:
        dtype = layer.weight.dtype
        return layer(torch.cat([prediction.patches.to(dtype), prediction.hidden.to(dtype)], dim=-1))

    def _run(self, blocks: nn.ModuleList, x: Tensor, conditions: Tensor) -> Tensor:
        c = (conditions[:, None, None, :] / HAT_SCALE).to(x.dtype)
        for block in blocks:
            x = block(x, c)
        return x

    @torch.no_grad()
    def start_from_pca(self, first: Tensor, following: Tensor) -> None:
        """Set the linear transforms to the PCA of patches `[N, 96]` and of differences `[N, 384]`."""
        pairs = (
            (self.first_analysis, self.first_synthesis, first),
            (self.next_analysis, self.next_synthesis, following),
        )
        for analysis, synthesis, samples in pairs:
            _, vectors = torch.linalg.eigh(samples.T @ samples)
            basis = vectors.flip(1)[:, : self.config.latent_dims]
            analysis.transform.weight.copy_(basis.T)
            synthesis.transform.weight.copy_(basis)
