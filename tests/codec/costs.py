"""What the pictures of a clip cost: their bits, and what is missed of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from nvcodec.codec.gop import ClosedLoop
from nvcodec.prior.choice import COST_PER_BIT
from nvcodec.tokenizer.frames import from_planes
from nvcodec.tokenizer.quantize import step_size

from .support import read

STEPS = (1, 4, 4)


def steps_of(source: Path, scale: str = "1") -> tuple[torch.Tensor, ...]:
    """The first pictures of a clip, as the steps of a GOP, `[6, T, H/2, W/2]` each."""
    pictures = read(source, scale=scale, duration_s=0.4).pictures[: sum(STEPS)]
    frames = torch.stack([from_planes(p.y, p.u, p.v, 8) for p in pictures], dim=1)
    return frames.split(STEPS, dim=1)


def cost(loop: ClosedLoop, steps: Sequence[torch.Tensor], quality: int) -> float:
    """D + λR in bits of what a loop makes of them, λ that of `quality`."""
    total = 0.0
    for step in steps:
        total += loop.take(step).bits()
        missed = float((loop.shown()[:, : step.shape[1]] - step).square().sum())
        total += missed / (COST_PER_BIT * step_size(quality) ** 2)
    return total
