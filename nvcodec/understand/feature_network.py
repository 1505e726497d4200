"""A small 3D CNN that tells the classes of clips, and whose last features Fréchet distances are taken in.

The part that Inception has for photographs and I3D for real videos (Heusel et al. 2017; Unterthiner et al. 2018): a
network that knows what matters in the set that is generated. It learns from pixels and reads pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.errors import NvcodecError

from .class_parts import ClassHead

CLASSES_MAX = 1 << 14


@dataclass(frozen=True)
class FeatureConfig:
    """Sizes. Clips have `frames` of `size` luma pixels a side; `features` is how many numbers stand for a clip.

    NvcodecError for sizes that do not go together.
    """

    classes: tuple[str, ...]
    frames: int = 17
    size: int = 64
    width: int = 32
    features: int = 64

    def __post_init__(self) -> None:
        check_clips(self.classes, self.frames, self.size)
        if not (8 <= self.width <= 1024 and self.width % 8 == 0 and 2 <= self.features <= 4096):
            raise NvcodecError("a feature network's width is a multiple of 8 up to 1024, its features 2 to 4096")


def check_clips(classes: tuple[str, ...], frames: int, size: int) -> None:
    """NvcodecError for classes or clips that no network of this room has."""
    if not 2 <= len(classes) <= CLASSES_MAX or len(set(classes)) != len(classes):
        raise NvcodecError(f"there are {len(classes)} classes, not 2 to {CLASSES_MAX} different ones")
    if not (1 <= frames <= 1021 and frames % 4 == 1 and 16 <= size <= 4096 and size % 16 == 0):
        raise NvcodecError(f"{frames} frames of {size} pixels a side: frames are 1 + 4k, a side a multiple of 16")


class FeatureNetwork(nn.Module):
    """Clips `[B, 6, T, H/2, W/2]`, as the tokenizer takes them (`nvcodec/tokenizer/frames.py`), to class logits."""

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        self.layers = nn.ModuleList(
            [
                Layer(6, w, (5, 3, 3), (4, 2, 2)),
                Layer(w, 2 * w, (1, 3, 3), (1, 2, 2)),
                Layer(2 * w, 4 * w, (1, 3, 3), (1, 2, 2)),
                Layer(4 * w, 4 * w, (3, 3, 3), (1, 1, 1)),
            ]
        )
        self.last = nn.Linear(4 * w, config.features)
        self.head = ClassHead(config.features, config.classes)

    def features(self, frames: Tensor) -> Tensor:
        """`[B, features]` of clips `[B, 6, T, H/2, W/2]`: what the classes are told from."""
        x = frames
        for layer in self.layers:
            x = layer(x)  # at last [B, 4 width, (T + 3) / 4, H / 16, W / 16]
        return F.gelu(self.last(x.mean((2, 3, 4)).float()))

    def forward(self, frames: Tensor) -> Tensor:
        """Class logits `[B, classes]`."""
        return self.head(self.features(frames))

    def blocks(self) -> list[nn.Module]:
        """The parts that a sharded run gathers one at a time."""
        return list(self.layers)


class Layer(nn.Module):
    """A convolution, a norm of groups of channels, and a kink. Kernels are odd.

    It begins as one that sees every frame by itself ("central frame initialisation", Arnab et al. 2021, section 3.4):
    what was learnt from single frames holds for clips.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
    ) -> None:
        super().__init__()
        time, rows, columns = (length // 2 for length in kernel)
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, padding=(time, rows, columns))
        with torch.no_grad():
            centre = self.conv.weight[:, :, time].clone()
            self.conv.weight.zero_()[:, :, time] = kernel[0] ** 0.5 * centre  # as large as all together would be
        self.norm = nn.GroupNorm(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, T, H, W]`, fewer of the last three by the stride."""
        return F.gelu(self.norm(self.conv(x)))


@torch.inference_mode()
def judge(network: FeatureNetwork, clips: Tensor, batch: int = 50) -> tuple[Tensor, Tensor]:
    """Features `[N, C]` and class probabilities `[N, classes]`, float32 on the CPU, of clips `[N, 6, T, H/2, W/2]`."""
    device = next(network.parameters()).device
    features = torch.cat([network.features(part.to(device)) for part in clips.split(batch)])
    return features.cpu(), network.head(features).softmax(1).cpu()
