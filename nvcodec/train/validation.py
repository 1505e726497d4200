"""How well a run does on clips it does not learn from: whole pictures, coded in closed loop by the averaged weights.

D is the squared error of the six channels (about the mean of R, G and B), R the bits that the prior expects, and the
same loss as in training weighs them. Every process measures every clip, so a sharded model needs no other way.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.media import Picture, VideoFormat
from nvcodec.media.images import png_bytes
from nvcodec.tokenizer.frames import GRID, to_frames, to_planes
from nvcodec.train.config import SMALLEST_CROP, ValidationConfig
from nvcodec.train.joint import Draw
from nvcodec.train.labelled import evenly

PICTURES = 4  # clips that the grid shows, at most


@dataclass(frozen=True)
class Measured:
    """Means over all held-out clips at one quality: D a pixel, R in bits a pixel, D as PSNR in dB, and the loss."""

    quality: int
    d: float
    r: float
    psnr: float
    loss: float

    def row(self, step: int) -> dict[str, float]:
        """For the log."""
        row: dict[str, float] = {"step": step}
        return row | {key: round(value, 6) for key, value in asdict(self).items()}


def held_out(files: list[Path], config: ValidationConfig) -> list[Tensor]:
    """The clips `[1, 6, T, H/2, W/2]` that are measured: the first frames of each file, whole pictures, none tiny."""
    clips = []
    for place in evenly(len(files), config.clips):  # folders of classes come one after the other
        array = np.load(files[place], mmap_mode="r")
        frames = min(config.frames, (len(array) - 1) // 4 * 4 + 1)
        side = GRID // 2
        rows, columns = (length // side * side for length in array.shape[2:])
        if 2 * min(rows, columns) < SMALLEST_CROP:
            continue
        part = np.ascontiguousarray(array[:frames, :, :rows, :columns].transpose(1, 0, 2, 3))
        clips.append(to_frames(torch.from_numpy(part))[None])
    return clips


@torch.no_grad()
def validate(
    model: torch.nn.Module, clips: list[Tensor], qualities: tuple[int, ...], step: int, device: torch.device
) -> tuple[list[Measured], bytes]:
    """Measure `model` at each of the qualities; and a PNG, originals above what the middle one makes of them."""
    was_training = model.training
    model.eval()
    measured, shown = [], []
    for quality in qualities:
        error = bits = loss = pixels = 0.0
        for clip in clips:
            choice = Draw(quality, quality, 0, missing=False, still=False)
            out = model(clip.to(device), choice, torch.Generator().manual_seed(0), None, step)
            error, bits = error + float(out.squared_error), bits + float(out.bits)
            loss = loss + float(out.loss) / len(clips)
            pixels += out.frames * 4 * clip.shape[-1] * clip.shape[-2]
            if quality == qualities[len(qualities) // 2] and len(shown) < PICTURES:
                shown.append((clip[0, :, -1], out.decoded[0, :, -1].float().cpu()))
        d = error / pixels
        measured.append(Measured(quality, d, bits / pixels, -10 * math.log10(max(d, 1e-9)), loss))
    model.train(was_training)
    return measured, png_of(shown)


def png_of(pairs: list[tuple[Tensor, Tensor]]) -> bytes:
    """Pairs of pictures `[6, H/2, W/2]`, of any sizes, as one PNG: the first of each above the second."""
    high = max(picture.shape[1] for pair in pairs for picture in pair)
    wide = max(picture.shape[2] for pair in pairs for picture in pair)
    rows = []
    for row in zip(*pairs, strict=True):
        padded = [F.pad(p, (0, wide - p.shape[2], 0, high - p.shape[1])) for p in row]
        rows.append(torch.cat(padded, 2))
    grid = torch.cat(rows, 1)
    height, width = 2 * grid.shape[1], 2 * grid.shape[2]
    (planes,) = to_planes(grid[:, None], width, height, 8)
    return png_bytes(Picture(0, *planes), VideoFormat(width, height, Fraction(1, 25)))
