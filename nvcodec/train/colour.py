"""Between the six channels that the codec trains on and red, green and blue (BT.601, full range of what is given)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

RED_V, GREEN_U, GREEN_V, BLUE_U = 1.402, -0.344136, -0.714136, 1.772  # BT.601
LUMA = (0.299, 0.587, 0.114)


def to_rgb(clips: Tensor) -> Tensor:
    """Clips `[B, 6, T, H/2, W/2]` to `[B, 3, T, H, W]` in about 0…1; a chroma sample serves four pixels."""
    b, _, t = clips.shape[:3]
    flat = clips.transpose(1, 2).flatten(0, 1)  # [B·T, 6, H/2, W/2]
    y = F.pixel_shuffle(flat[:, :4], 2) + 0.5
    u, v = (F.interpolate(flat[:, 4:], scale_factor=2, mode="nearest") / 2).chunk(2, dim=1)
    rgb = torch.cat([y + RED_V * v, y + GREEN_U * u + GREEN_V * v, y + BLUE_U * u], dim=1)
    return rgb.reshape(b, t, *rgb.shape[1:]).transpose(1, 2)


def from_rgb(rgb: Tensor) -> Tensor:
    """Mirror of `to_rgb`; the chroma of four pixels becomes their mean."""
    b, _, t = rgb.shape[:3]
    flat = rgb.transpose(1, 2).flatten(0, 1)
    red, green, blue = flat.chunk(3, dim=1)
    y = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    uv = F.avg_pool2d(torch.cat([(blue - y) / BLUE_U, (red - y) / RED_V], dim=1), 2)
    six = torch.cat([F.pixel_unshuffle(y - 0.5, 2), 2 * uv], dim=1)
    return six.reshape(b, t, *six.shape[1:]).transpose(1, 2)
