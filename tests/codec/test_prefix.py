"""Any prefix of the planes decodes: what is left out costs quality, step by step, and nothing else."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nvcodec.codec.gop import TOKENS, analyse, planned_quality, synthesise
from nvcodec.tokenizer.frames import from_planes
from nvcodec.weights import load

from .support import CARPHONE, read

SIZE = (9, 11)  # positions of 88×72


def frames() -> Tensor:
    """Nine frames of carphone, `[6, 9, 36, 44]`."""
    pictures = read(CARPHONE, duration_s=0.29, scale="1/2", audio=False).pictures
    return torch.stack([from_planes(p.y, p.u, p.v, 8) for p in pictures], dim=1)


def psnr(a: Tensor, b: Tensor) -> float:
    return -10 * math.log10(float((a[:4] - b[:4]).square().mean()))


def test_every_plane_that_is_left_out_costs_quality() -> None:
    model, clip = load(), frames()
    quality = planned_quality(80, 3)
    levels = [chosen.level for chosen in analyse(model, clip.split([1, 4, 4], dim=1), quality)]
    shown = [torch.cat(list(synthesise(model, levels, SIZE, quality, dropped)), dim=1).float() for dropped in range(4)]
    assert all(part.shape == clip.shape for part in shown)
    rates = [psnr(part, clip) for part in shown]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] - rates[-1] > 1


def test_the_signs_alone_show_the_picture() -> None:
    model, clip = load(), frames()
    levels = [chosen.level for chosen in analyse(model, clip.split([1, 4, 4], dim=1), TOKENS)]
    assert all(set(level.unique().tolist()) == {-1, 0, 1} for level in levels)
    shown = torch.cat(list(synthesise(model, levels, SIZE, TOKENS)), dim=1).float()
    grey = torch.zeros_like(clip)
    assert psnr(shown, clip) > psnr(grey, clip) + 3
