"""Convolutions over time that never look ahead, and what they carry from one chunk of a video to the next.

A causal kernel of k frames is padded with k − 1 frames before the video and none behind (Yu et al. 2023,
section 3.2), so frame 0 is seen alone and a stride of s turns 1 + s·n frames into 1 + n. Cut the video after
any of those and carry the last k − s input frames: the convolution goes on as if nothing had been cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class CausalState:
    """What a causal network carries between chunks: the last input frames of its layers, in calling order.

    Its size depends on the network and the picture, never on the length of the video.
    """

    pasts: tuple[Tensor, ...]  # each [B, C, k − s, H, W]


class CausalConv3d(nn.Module):
    """A convolution `[B, C, T, H, W]` that sees a frame and those before it.

    `kernel` and `stride` are (time, rows, columns); the spatial kernel is odd and the stride of time no
    longer than its kernel.

    Before the first frame of a video stands that frame itself, repeated: then a picture that stands still
    gives the same result at every time. (Zeros would make the first frames of every video different from the
    others, and reflection would show frame 0 its future.) In space the picture is reflected, as MAGVIT does
    "to improve token consistency for the same content at different locations" (Yu et al. 2022,
    arXiv:2212.05199, section 3.1).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int, int] = (3, 3, 3),
        stride: tuple[int, int, int] = (1, 1, 1),
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if kernel[0] < stride[0] or kernel[1] % 2 == 0 or kernel[2] % 2 == 0:
            raise ValueError(
                f"kernel {kernel}, stride {stride}: odd in space, in time no shorter than stride"
            )
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, bias=bias)
        self.reach = kernel[0] - 1  # frames looked back on
        self.carried = kernel[0] - stride[0]
        self.time_stride = stride[0]
        self.margin = (kernel[2] // 2, kernel[1] // 2)

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """The result for frames `x` [B, C, T, H, W], and the past `[B, C, k − s, H, W]` of those that follow.

        `past` is None at the start of a video, where T = 1 + s·n frames give 1 + n; afterwards it is what the
        call before returned, and T = s·n frames give n. Raises ValueError for any other T, and for a past of
        another layer or size of picture.
        """
        started = past is not None
        if x.shape[2] % self.time_stride != (0 if started else 1 % self.time_stride) or not x.shape[2]:
            wanted = "s·n in a later chunk" if started else "1 + s·n at the start of a video"
            raise ValueError(f"{x.shape[2]} frames do not fit a stride of {self.time_stride}: {wanted} do")
        if past is None:
            past = x[:, :, :1].expand(-1, -1, self.reach, -1, -1)
        elif past.shape != (*x.shape[:2], self.carried, *x.shape[3:]):
            raise ValueError(
                f"frames {list(x.shape)} do not follow a past {list(past.shape)}: "
                "a state goes on with the network and the picture size it comes from"
            )
        x = torch.cat([past, x], 2)
        # A copy, as a view would keep all of the chunk alive.
        return self.conv(_reflected(x, *self.margin)), x[:, :, x.shape[2] - self.carried :].clone()


class Walk:
    """One pass of a chunk through a network: hands each causal layer its past and gathers the next ones.

    The layers must come in the same order in every pass. The walk lives as long as the pass; what lasts is
    `CausalState`, which is never changed.
    """

    def __init__(self, state: CausalState | None) -> None:
        self.starts = state is None  # whether a video starts with this chunk
        self._pasts: Iterator[Tensor] | None = None if state is None else iter(state.pasts)
        self._next: list[Tensor] = []

    def through(self, layer: CausalConv3d, x: Tensor) -> Tensor:
        """The layer's result for `x` [B, C, T, H, W] with the past that belongs to it."""
        past = None
        if self._pasts is not None and (past := next(self._pasts, None)) is None:
            raise ValueError("the state comes from another network: this one has more layers")
        y, past = layer(x, past)
        self._next.append(past)
        return y

    def state(self) -> CausalState:
        """What to carry on with, once the pass is through."""
        return CausalState(tuple(self._next))


def _reflected(x: Tensor, columns: int, rows: int) -> Tensor:
    """`x` [..., H, W] with its edges mirrored outwards; a side too short for that repeats its edge."""
    for axis, amount in ((-1, columns), (-2, rows)):
        if amount:
            pad = (amount, amount, 0, 0, 0, 0) if axis == -1 else (0, 0, amount, amount, 0, 0)
            x = F.pad(x, pad, mode="reflect" if x.shape[axis] > amount else "replicate")
    return x
