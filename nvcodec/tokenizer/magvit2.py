"""`magvit2`: the tokenizer of the paper, a temporally causal 3D CNN around lookup-free quantization.

Yu et al. 2023, "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation" (arXiv:2310.05737),
section 3.2 and appendix A; what that leaves unsaid (layers of a residual block, blocks at the lowest
resolution) is MAGVIT's published layout (Yu et al. 2022, arXiv:2212.05199). 1 + 4k frames become 1 + k latent
frames at 1/8 of the width and height; frame 0 depends on itself alone, so a still image is a one-frame video.

Shapes: B batch, T frames of H × W pixels, t latent frames of h × w positions, D = 18 sign planes. Frames hold
values in −1…1 (the paper's are RGB).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.tokenizer import lfq
from nvcodec.tokenizer.causal_conv import CausalConv3d, CausalState, Walk
from nvcodec.tokenizer.magvit2_blocks import (
    AdaptiveFrameNorm,
    FrameNorm,
    Upsample,
    downsample,
    residual_blocks,
)
from nvcodec.tokenizer.magvit2_config import Magvit2Config


class Encoder(nn.Module):
    """Frames to latents: residual blocks at each level, strided convolutions between them."""

    def __init__(self, config: Magvit2Config) -> None:
        super().__init__()
        widths, groups, count = config.widths, config.norm_groups, config.residual_blocks
        self.enter = CausalConv3d(config.picture_channels, widths[0], bias=False)
        inputs = (widths[0], *widths[:-1])
        self.levels = nn.ModuleList(
            residual_blocks(before, width, groups, count)
            for before, width in zip(inputs, widths, strict=True)
        )
        self.steps = nn.ModuleList(
            downsample(width, halve_time=halve)
            for width, halve in zip(widths[:-1], config.halve_time, strict=True)
        )
        self.middle = residual_blocks(widths[-1], widths[-1], groups, count)
        self.norm = FrameNorm(groups, widths[-1])
        self.leave = nn.Conv3d(widths[-1], config.token_dims, 1)

    def forward(self, frames: Tensor, state: CausalState | None) -> tuple[Tensor, CausalState]:
        """Latents `[B, D, t, h, w]` of frames `[B, 3, T, H, W]`: 1 + 4k where `state` is None, else 4k."""
        walk = Walk(state)
        x = walk.through(self.enter, frames)
        for level, blocks in enumerate(self.levels):
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, walk)
            if level < len(self.steps):
                x = walk.through(self.steps[level], x)  # type: ignore[arg-type]
        for block in self.middle:
            x = block(x, walk)
        return self.leave(F.silu(self.norm(x))), walk.state()


class Decoder(nn.Module):
    """Signs to frames: the encoder's mirror, with the signs passed in again at each level."""

    def __init__(self, config: Magvit2Config) -> None:
        super().__init__()
        widths, groups, count = config.widths[::-1], config.norm_groups, config.residual_blocks
        self.enter = CausalConv3d(config.token_dims, widths[0])
        self.middle = residual_blocks(widths[0], widths[0], groups, count)
        inputs = (widths[0], *widths[:-1])
        self.styles = nn.ModuleList(AdaptiveFrameNorm(groups, before, config.token_dims) for before in inputs)
        self.levels = nn.ModuleList(
            residual_blocks(before, width, groups, count)
            for before, width in zip(inputs, widths, strict=True)
        )
        self.steps = nn.ModuleList(
            Upsample(width, double_time=halved)
            for width, halved in zip(widths[:-1], config.halve_time[::-1], strict=True)
        )
        self.norm = FrameNorm(groups, widths[-1])
        self.leave = CausalConv3d(widths[-1], config.picture_channels)

    def forward(self, signs: Tensor, state: CausalState | None) -> tuple[Tensor, CausalState]:
        """Frames `[B, 3, T, H, W]` of signs `[B, D, t, h, w]`: T = 4t, less 3 where `state` is None."""
        walk = Walk(state)
        style = signs.mean((3, 4)).transpose(1, 2)  # [B, t, D]
        x = walk.through(self.enter, signs)
        for block in self.middle:
            x = block(x, walk)
        for level, blocks in enumerate(self.levels):
            repeats = -(-x.shape[2] // style.shape[1])  # frames at this level to a latent frame
            shared = style.repeat_interleave(repeats, 1)[:, -x.shape[2] :]  # the surplus of the first dropped
            x = self.styles[level](x, shared)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, walk)
            if level < len(self.steps):
                x = self.steps[level](x, walk)
        return walk.through(self.leave, F.silu(self.norm(x))), walk.state()


class Magvit2Tokenizer(nn.Module):
    """The tokenizer: `encode` and `decode` code videos of any length in pieces, `forward` trains.

    `encode` and `decode` step through a video one latent frame at a time, so that floating point does the
    same sums however the caller cuts it: tokens coded chunk by chunk equal those coded whole, bit for bit.
    `forward` passes all frames at once, which is faster and equal up to rounding.
    """

    def __init__(self, config: Magvit2Config = Magvit2Config()) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, frames: Tensor, state: CausalState | None = None) -> tuple[Tensor, CausalState]:
        """Latents `[B, D, t, h, w]` of frames `[B, 3, T, H, W]`, and the state to carry on with.

        A video starts where `state` is None, with 1 + 4k frames for 1 + k latent frames; every later chunk
        has 4k frames for k. H and W are multiples of 8. Raises ValueError for other shapes, and for a state
        that comes from another network or picture size.
        """
        self._check(frames, starts=state is None)
        latents = []
        first = 1 if state is None else self.config.time_factor
        for step in (frames[:, :, :first], *frames[:, :, first:].split(self.config.time_factor, 2)):
            if step.shape[2]:
                latent, state = self.encoder(step.contiguous(), state)
                latents.append(latent)
        assert state is not None  # _check saw a frame
        return torch.cat(latents, 2), state

    def decode(self, signs: Tensor, state: CausalState | None = None) -> tuple[Tensor, CausalState]:
        """Frames `[B, 3, T, 8h, 8w]` of signs `[B, D, t, h, w]` in ±1, and the state to carry on with.

        T = 4t − 3 where a video starts (`state` is None), else 4t. Raises ValueError for other than D planes,
        and for a state that comes from another network or picture size.
        """
        if signs.dim() != 5 or signs.shape[1] != self.config.token_dims or not signs.shape[2]:
            raise ValueError(f"signs are [B, {self.config.token_dims}, t, h, w], not {list(signs.shape)}")
        frames = []
        for step in signs.split(1, 2):
            frame, state = self.decoder(step.contiguous(), state)
            frames.append(frame)
        assert state is not None  # there is a latent frame
        return torch.cat(frames, 2), state

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """A whole video `[B, 3, 1 + 4k, H, W]` as its signs give it back, and its latents `[B, D, t, h, w]`.

        The gradient passes straight through the signs. `lfq.regularizer` wants the latents with D last.
        """
        self._check(frames, starts=True)
        latent, _ = self.encoder(frames, None)
        return self.decoder(lfq.quantize(latent), None)[0], latent

    def tokens(self, latent: Tensor) -> Tensor:
        """Token indices `[B, t, h, w]` int64 of latents, or of signs, `[B, D, t, h, w]` (`lfq.pack`)."""
        return lfq.pack(latent.movedim(1, -1))

    def signs(self, tokens: Tensor) -> Tensor:
        """Signs `[B, D, t, h, w]` of tokens `[B, t, h, w]`, in the network's precision (`lfq.unpack`)."""
        dtype = self.encoder.leave.weight.dtype
        return lfq.unpack(tokens, self.config.token_dims, dtype).movedim(-1, 1)

    def _check(self, frames: Tensor, *, starts: bool) -> None:
        grid, stride = self.config.space_factor, self.config.time_factor
        if frames.dim() != 5 or frames.shape[1] != self.config.picture_channels:
            raise ValueError(
                f"frames are [B, {self.config.picture_channels}, T, H, W], not {list(frames.shape)}"
            )
        count, height, width = frames.shape[2:]
        if height % grid or width % grid or not height or not width:
            raise ValueError(
                f"frames of {width}x{height} are not whole positions: pad to multiples of {grid}"
            )
        if count < 1 or (count - starts) % stride:
            wanted = f"1 + {stride}k to start a video" if starts else f"{stride}k in a later chunk"
            raise ValueError(f"{count} frames cannot be coded: there must be {wanted}")
