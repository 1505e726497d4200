"""The parts that the encoder and the decoder of `magvit2` are built of.

Shapes: B batch, C channels, T frames, H × W their size; C second. Nothing here mixes frames but causal
convolutions, whose pasts a `Walk` carries.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.tokenizer.causal_conv import CausalConv3d, Walk

EPSILON = 1e-6


def frame_norm(x: Tensor, groups: int) -> Tensor:
    """`x` [B, C, T, H, W] to mean 0 and variance 1 in every group of channels of every frame by itself.

    Statistics over frames, as a group norm on `[B, C, T, H, W]` takes them, would tell frame 0 of its future
    and would change with where a video is cut; per frame, causality and coding in chunks are exact.
    """
    b, c, t, h, w = x.shape
    frames = x.transpose(1, 2).reshape(b * t, c, h, w)
    return F.group_norm(frames, groups, eps=EPSILON).reshape(b, t, c, h, w).transpose(1, 2)


class FrameNorm(nn.Module):
    """Group normalisation of each frame by itself, with a learned scale and shift a channel."""

    def __init__(self, groups: int, width: int) -> None:
        super().__init__()
        self.groups = groups
        self.scale = nn.Parameter(torch.ones(width, 1, 1, 1))
        self.shift = nn.Parameter(torch.zeros(width, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to the same shape."""
        return frame_norm(x, self.groups) * self.scale + self.shift


class AdaptiveFrameNorm(nn.Module):
    """Group normalisation of each frame by itself, its scale and shift drawn from the quantized latents.

    The paper passes the latents in as a control signal after StyleGAN (section 3.2, Karras et al. 2019) and
    says no more. So, as there, a learned affine map turns one style vector, here the mean of a latent frame's
    signs over its positions, into scale and shift of each channel. It is one vector a latent frame, not one a
    video, or the decoder would look ahead.
    """

    def __init__(self, groups: int, width: int, style_dims: int) -> None:
        super().__init__()
        self.groups = groups
        self.affine = nn.Linear(style_dims, 2 * width)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x` [B, C, T, H, W] with `style` [B, T, style_dims]."""
        scale, shift = self.affine(style).transpose(1, 2)[..., None, None].chunk(2, 1)  # [B, C, T, 1, 1]
        return frame_norm(x, self.groups) * (1 + scale) + shift


class ResidualBlock(nn.Module):
    """Twice norm, swish and a causal 3 × 3 × 3, beside the identity (a 1 × 1 × 1 where the width changes)."""

    def __init__(self, inputs: int, width: int, groups: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = FrameNorm(groups, inputs), FrameNorm(groups, width)
        self.conv1 = CausalConv3d(inputs, width, bias=False)
        self.conv2 = CausalConv3d(width, width, bias=False)
        self.shortcut = nn.Conv3d(inputs, width, 1, bias=False) if inputs != width else nn.Identity()

    def forward(self, x: Tensor, walk: Walk) -> Tensor:
        """`[B, inputs, T, H, W]` to `[B, width, T, H, W]`."""
        y = walk.through(self.conv1, F.silu(self.norm1(x)))
        y = walk.through(self.conv2, F.silu(self.norm2(y)))
        return self.shortcut(x) + y


def residual_blocks(inputs: int, width: int, groups: int, count: int) -> nn.ModuleList:
    """`count` blocks in a row, the first of which changes the width."""
    return nn.ModuleList(ResidualBlock(inputs if i == 0 else width, width, groups) for i in range(count))


def downsample(width: int, *, halve_time: bool) -> CausalConv3d:
    """A strided convolution, which the paper has instead of MAGVIT's average pooling (section 3.2)."""
    return CausalConv3d(width, width, stride=(2 if halve_time else 1, 2, 2))


class Upsample(nn.Module):
    """A causal convolution and depth-to-space (section 3.2); the mirror of `downsample`.

    Doubling time makes of the first frame of a video two, of which the first is surplus and dropped: 1 + n
    frames become 1 + 2n.
    """

    def __init__(self, width: int, *, double_time: bool) -> None:
        super().__init__()
        self.time = 2 if double_time else 1
        self.conv = CausalConv3d(width, width * self.time * 4)

    def forward(self, x: Tensor, walk: Walk) -> Tensor:
        """`[B, C, T, H, W]` to `[B, C, time·T, 2H, 2W]`, less the surplus frame where a video starts."""
        y = depth_to_space(walk.through(self.conv, x), self.time)
        return y[:, :, self.time - 1 :] if walk.starts else y


def depth_to_space(x: Tensor, time: int) -> Tensor:
    """`[B, C·time·4, T, H, W]` to `[B, C, time·T, 2H, 2W]`: channels dealt out over frames, rows, columns."""
    b, c, t, h, w = x.shape
    x = x.reshape(b, c // (4 * time), time, 2, 2, t, h, w)
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, c // (4 * time), time * t, 2 * h, 2 * w)
