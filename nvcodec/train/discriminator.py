"""The discriminator: tells patches of clips as they were from patches that a tokenizer has drawn.

That of MAGVIT in small (Yu et al. 2022, appendix on the 3D discriminator): StyleGAN's residual blocks (Karras et al.
2019) with convolutions over time too, blurred before they are thinned out (Zhang 2019). Other than there

- its verdict is not one a clip, but one for every patch (Isola et al. 2017): textures are what a tokenizer decides;
- it sees detail alone, for the rest is the squared error's, and its values are normalised at every position (Karras et
  al. 2018). Within 90 steps of 4 clips it told 85 % of what the shipped model drew from the originals, by verdicts that
  differed by 2 in the mean; without these two 76 %, by less than 0.02.

Shapes: B clips, T frames of H × W luma pixels, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.tokenizer.tiny import PATCH, PHASES

SLOPE = 0.2  # of the leaky rectifier, as in StyleGAN
DETAIL_GAIN = 20.0  # brings the detail of usual clips to about 1
EPSILON = 1e-2  # of the normalisation: what is flat stays small


class Discriminator(nn.Module):
    """A verdict on every 16 × 16 pixels and 4 frames: above 0 for real, below for drawn."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv3d(PHASES, width, (3, 4, 4), stride=(1, 2, 2), padding=1)  # to positions of 4 × 4 pixels
        self.blocks = nn.ModuleList([ThinningBlock(width, 2 * width), ThinningBlock(2 * width, 4 * width)])
        self.last = nn.Conv3d(4 * width, 4 * width, 3, padding=1)
        self.verdict = nn.Conv3d(4 * width, 1, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv3d):  # so that values neither grow nor fade on the way (He et al. 2015)
                nn.init.kaiming_normal_(layer.weight, a=1.0 if layer.kernel_size == (1, 1, 1) else SLOPE)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, clips: Tensor) -> Tensor:
        """Verdicts `[B, ⌊T/4⌋, H/16, W/16]`, one frame of them at least, float32, of `clips` [B, 6, T, H/2, W/2]."""
        x = normalised(F.leaky_relu(self.enter(DETAIL_GAIN * detail(clips)), SLOPE))
        for block in self.blocks:
            x = normalised(block(x))
        return self.verdict(F.leaky_relu(self.last(x), SLOPE)).squeeze(1).float()


class ThinningBlock(nn.Module):
    """Two convolutions beside a 1 × 1 × 1, blurred to half the size in every direction on the way."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, inputs, 3, padding=1)
        self.conv2 = nn.Conv3d(inputs, width, 3, padding=1)
        self.shortcut = nn.Conv3d(inputs, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs, T, H, W]` to `[B, width, ⌊T/2⌋, H/2, W/2]`; one frame stays one."""
        y = F.leaky_relu(self.conv1(x), SLOPE)
        y = F.leaky_relu(self.conv2(blurred_half(y)), SLOPE)
        return (y + self.shortcut(blurred_half(x))) / 2**0.5


def detail(clips: Tensor) -> Tensor:
    """What `clips` [B, 6, T, H/2, W/2] are beside the means of 8 × 8 pixels."""
    means = F.avg_pool3d(clips, (1, PATCH, PATCH))
    return clips - means.repeat_interleave(PATCH, 3).repeat_interleave(PATCH, 4)


def normalised(x: Tensor) -> Tensor:
    """`[B, C, T, H, W]` with a mean square over channels of 1 at every position, less where there is little."""
    return x * torch.rsqrt(x.float().square().mean(1, keepdim=True) + EPSILON)


def blurred_half(x: Tensor) -> Tensor:
    """`[B, C, T, H, W]` at half the size, each direction blurred by (1, 2, 1) / 4 first; a side of one stays.

    That kernel is the mean of two neighbours, taken twice.
    """
    halved = [side > 1 for side in x.shape[2:]]
    kernel = [2 if halve else 1 for halve in halved]
    padding = [int(halve and before) for halve in reversed(halved) for before in (True, False)]
    once = F.avg_pool3d(F.pad(x, padding, mode="replicate"), kernel, stride=1)
    return F.avg_pool3d(once, kernel, stride=kernel)
