"""A photograph seen by a moving camera."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from nvcodec.tokenizer.frames import to_frames

STANDING_SHARE = 0.15  # of the cameras do not move
FASTEST = 6.0  # luma pixels a frame


@dataclass(frozen=True)
class CameraPath:
    """A camera's steady motion: luma pixels a frame, and the zoom's logarithm and the roll in radians a frame."""

    velocity: Tensor  # [2] x, y
    zoom: float = 0.0
    roll: float = 0.0

    def deeper(self, factor: float, own: Tensor) -> CameraPath:
        """As a thing moves that is nearer by `factor` than what this path shows, and by `own` [2] of itself."""
        return CameraPath(self.velocity * factor + own, self.zoom, self.roll)


def draw_path(g: torch.Generator) -> CameraPath:
    """A random path: slow ones are more frequent than fast ones, and some cameras stand still."""
    u = torch.rand(6, generator=g)
    pace = 0.0 if u[0] < STANDING_SHARE else float(FASTEST * u[0] ** 2)
    angle, turns = 2 * torch.pi * u[1], bool(u[0] > 2 * STANDING_SHARE)
    velocity = pace * torch.stack([torch.cos(angle), torch.sin(angle)])
    return CameraPath(velocity, float(u[2] - 0.5) * 0.02 * turns, float(u[3] - 0.5) * 0.02 * turns)


def view(packed: Tensor, path: CameraPath, frames: int, crop: int, g: torch.Generator) -> Tensor:
    """What a camera on `path` sees of a photograph `[6, H/2, W/2]` uint8, from a random place.

    Returns 8-bit values as floats, `[frames, 6, crop/2, crop/2]`. Luma is sampled at full resolution, bilinear, so
    motion is sub-pixel; beyond its edges the photograph is mirrored.
    """
    half = packed.shape[1:]
    luma = F.pixel_shuffle(packed[:4].float()[None], 2)  # [1, 1, H, W]
    chroma = packed[4:].float()[None]
    size = torch.tensor([half[1] * 2.0, half[0] * 2.0])
    t = torch.arange(frames) - (frames - 1) / 2
    margin = crop / 2 + 1
    centre = margin + torch.rand(2, generator=g) * (size - 2 * margin).clamp_min(0)
    scale, turn = torch.exp(path.zoom * t), path.roll * t
    matrix = torch.stack([torch.cos(turn), -torch.sin(turn), torch.sin(turn), torch.cos(turn)], -1).reshape(-1, 2, 2)
    matrix = matrix * scale[:, None, None]
    grids = []
    for side, pitch in ((crop, 1.0), (crop // 2, 2.0)):
        axis = (torch.arange(side) + 0.5) * pitch - crop / 2
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        turned = torch.stack([x, y], -1).reshape(-1, 2) @ matrix.transpose(1, 2)
        points = turned + (centre + t[:, None] * path.velocity)[:, None]
        grids.append((2 * points / size - 1).reshape(frames, side, side, 2))
    kwargs = {"mode": "bilinear", "padding_mode": "reflection", "align_corners": False}
    y = F.grid_sample(luma.expand(frames, -1, -1, -1), grids[0], **kwargs)
    uv = F.grid_sample(chroma.expand(frames, -1, -1, -1), grids[1], **kwargs)
    return torch.cat([F.pixel_unshuffle(y, 2), uv], 1)


def camera_motion(packed: Tensor, frames: int, crop: int, g: torch.Generator) -> Tensor:
    """A photograph `[6, H/2, W/2]` uint8 under a camera that pans, zooms and rolls, or stands still.

    Returns frames `[6, frames, crop/2, crop/2]`.
    """
    return to_frames(view(packed, draw_path(g), frames, crop, g).transpose(0, 1))
