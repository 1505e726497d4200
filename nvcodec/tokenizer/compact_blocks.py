"""Parts of `compact`: causal blocks, and linear transforms between patches, features and latents beside them.

Shapes: B batch, t latent frames, h × w positions of 8 × 8 pixels, C features, D latent dimensions; channels last.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nvcodec.tokenizer import lfq
from nvcodec.tokenizer.causal_conv import CausalState

REACH = 2  # earlier latent frames that a block looks back on
LEAST_SIZE = 1e-4  # of a coordinate, far below what a sample can show

# What the networks add to the linear transforms is scaled by this, so that with Adam they move the picture less at a
# step than their own layers move: at 1 their first steps undid much of what the linear start had given.
CALM = 0.3


class CausalBlock(nn.Module):
    """A depthwise convolution over this and two earlier latent frames, then two pointwise layers, beside the identity.

    Of the depthwise kernel every channel has one time alone, 5 × 5 positions: half of them now, a quarter one latent
    frame before, a quarter two (after the temporal shift of Lin et al. 2019, arXiv:1811.08383). That costs as little
    as no time at all, and the pointwise layers mix the times.
    """

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        quarter = width // 4
        self.times = (quarter, quarter, width - 2 * quarter)  # channels, of the earliest frame first
        self.depthwise = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        with torch.no_grad():
            self.down.weight.mul_(0.5)

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """`x` [B, t, h, w, C], and the past [B, 2, h, w, C] of what follows; `past` is None where a video starts.

        Before its first latent frame stands that frame itself, as in `CausalConv3d`.
        """
        b, t, h, w, c = x.shape
        if past is None:
            past = x[:, :1].expand(-1, REACH, -1, -1, -1)
        elif past.shape != (b, REACH, h, w, c):
            raise ValueError(f"latent frames {list(x.shape)} do not follow a past {list(past.shape)}")
        seen = torch.cat([past, x], 1)
        y = torch.cat([part[:, i : i + t] for i, part in enumerate(seen.split(self.times, -1))], -1)
        with torch.autocast(x.device.type, enabled=False):  # bfloat16's backward pass is slow for depthwise ones
            y = y.to(self.depthwise.weight.dtype).reshape(b * t, h, w, c).permute(0, 3, 1, 2)
            y = self.depthwise(y).permute(0, 2, 3, 1).reshape(x.shape)
        return x + self.down(F.leaky_relu(self.up(y), 0.1)), seen[:, -REACH:].clone()


class Trunk(nn.Module):
    """Blocks in turn, and what each carries from one latent frame to the next."""

    def __init__(self, width: int, expansion: int, count: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(CausalBlock(width, expansion) for _ in range(count))

    def forward(self, x: Tensor, state: CausalState | None) -> tuple[Tensor, CausalState]:
        """`x` [B, t, h, w, C] after all blocks, normalised, and the state of what follows."""
        if state is not None and len(state.pasts) != len(self.blocks):
            raise ValueError("the state comes from another network")
        carried = []
        for i, block in enumerate(self.blocks):
            x, past = block(x, None if state is None else state.pasts[i])
            carried.append(past)
        return F.rms_norm(x, x.shape[-1:]), CausalState(tuple(carried))


class Analysis(nn.Module):
    """Patches to what the encoder takes, and to a latent by a linear transform that the encoder's result corrects.

    With `feedback` every dimension also knows the signs of those before it: what they already say of the patch is
    taken off, so that a second sign on a direction halves what the first has left.
    """

    def __init__(self, inputs: int, width: int, dims: int, *, feedback: bool) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.transform = nn.Linear(inputs, dims, bias=False)
        self.feedback = nn.Parameter(torch.zeros(dims, dims)) if feedback else None  # [j, i]: what i's sign takes off j

    def latent(self, patches: Tensor, correction: Tensor) -> Tensor:
        """Latent `[…, D]` of patches `[…, n]` and the encoder's correction `[…, D]`."""
        with torch.autocast(patches.device.type, enabled=False):  # the linear path carries the picture itself
            rest = self.transform(patches.to(self.transform.weight.dtype)) + CALM * correction
            if self.feedback is None:
                return rest
            found = []
            for i in range(rest.shape[-1]):
                found.append(rest[..., :1])
                rest = rest[..., 1:] - lfq.quantize(found[-1]) * self.feedback[i + 1 :, i]
            return torch.cat(found, -1)

    def start(self, samples: Tensor) -> Tensor:
        """Make the transform the PCA of patches `[N, n]`; what a dimension's code then stands for in patches, `[n, D]`.

        With feedback signs are dealt one by one to the direction that has most left (reverse water-filling), so that a
        strong one gets several. Without it every dimension has a direction of its own, and all one scale, so that a
        distance between latents is one between patches.
        """
        _, vectors = torch.linalg.eigh(samples.T @ samples)
        rest = samples @ vectors  # [N, n] coordinates, as far as nothing has said them
        count = len(self.transform.weight)
        if self.feedback is None:
            basis = vectors[:, -count:]
            size = rest[:, -count:].square().mean().sqrt().clamp_min(LEAST_SIZE)
            self.transform.weight.copy_(basis.T / size)
            return basis * size
        axes: list[int] = []
        sizes: list[Tensor] = []
        for i in range(count):
            axis = int(rest.square().sum(0).argmax())
            size = rest[:, axis].abs().mean().clamp_min(LEAST_SIZE)
            self.transform.weight[i] = vectors[:, axis] / size
            rest[:, axis] -= size * rest[:, axis].sign()
            for j, other in enumerate(axes):
                self.feedback[i, j] = sizes[j] / size if other == axis else 0
            axes.append(axis)
            sizes.append(size)
        return vectors[:, axes] * torch.stack(sizes)


class Synthesis(nn.Module):
    """Patches of what the decoder made of the codes, and of the codes by a linear transform: mirror of `Analysis`."""

    def __init__(self, outputs: int, width: int, dims: int) -> None:
        super().__init__()
        self.embed = nn.Linear(dims, width)
        self.correct = nn.Linear(width, outputs)
        self.transform = nn.Linear(dims, outputs, bias=False)

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Patches `[…, n]` of features `[…, C]` and codes `[…, D]`."""
        with torch.autocast(codes.device.type, enabled=False):
            linear = self.transform(codes.to(self.transform.weight.dtype))
        return CALM * self.correct(x) + linear

    def start(self, drawn: Tensor) -> None:
        """Draw codes as the patches `[n, D]` that `Analysis.start` names, and nothing beside them.

        What the decoder sees of them is random mixtures of these patches, so that codes of like patches look alike.
        """
        self.transform.weight.copy_(drawn)
        mixtures = torch.randn(len(self.embed.weight), len(drawn)) @ drawn
        self.embed.weight.copy_(mixtures / mixtures.square().sum(1).mean().sqrt())
        nn.init.zeros_(self.correct.weight)
        nn.init.zeros_(self.correct.bias)
