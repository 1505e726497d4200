"""Multi-scale structural similarity of luma as a loss (Wang, Simoncelli and Bovik 2003).

Shapes: B clips, T frames of H × W luma pixels, in the six channels that the networks train on.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW, SIGMA = 11, 1.5  # of the Gaussian window (section 2)
C1, C2 = 0.01**2, 0.03**2  # for values of a range of 1
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from fine to coarse (section 3.2)
LEAST = 1e-4  # of a scale's similarity: below it, where pictures contradict each other, a power has no slope


def luma(clips: Tensor) -> Tensor:
    """Luma `[B·T, 1, H, W]` in about 0…1 of `clips` [B, 6, T, H/2, W/2], in float32."""
    return F.pixel_shuffle(clips[:, :4].float().transpose(1, 2).flatten(0, 1), 2) + 0.5


def scales_of(height: int, width: int) -> int:
    """How many of the five scales hold a window in pictures of that size: 5 from 176 pixels a side on, 4 from 88."""
    side, scales = min(height, width), 0
    while side >= WINDOW and scales < len(SCALE_WEIGHTS):
        side, scales = side // 2, scales + 1
    return scales


def ms_ssim(before: Tensor, after: Tensor) -> Tensor:
    """Mean MS-SSIM, at most 1, of pictures `[N, 1, H, W]` of a range of 1.

    Pictures too small for five scales are compared at those that hold a window, whose weights are scaled to a sum
    of 1. ValueError for pictures smaller than a window.
    """
    scales = scales_of(*before.shape[-2:])
    if not scales:
        raise ValueError(f"pictures of {list(before.shape[-2:])} hold no window of {WINDOW}")
    weights = torch.tensor(SCALE_WEIGHTS[:scales], device=before.device)
    weights = weights / weights.sum()
    result = before.new_ones(len(before))
    with torch.autocast(before.device.type, enabled=False):  # variances are small differences of large numbers
        for scale in range(scales):
            similarity, contrast = _similarities(before, after)
            of_scale = similarity if scale + 1 == scales else contrast  # luminance counts at the coarsest alone (eq. 7)
            result = result * of_scale.clamp(min=LEAST) ** weights[scale]
            if scale + 1 < scales:
                before, after = F.avg_pool2d(before, 2), F.avg_pool2d(after, 2)
    return result.mean()


def _similarities(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM `[N]`, and its part for contrast and structure, of each picture: means over where the window fits."""
    means = _windowed(torch.stack([before, after, before**2 + after**2, before * after]))
    mean_a, mean_b, squares, product = means
    both, mean_squares = mean_a * mean_b, mean_a**2 + mean_b**2
    contrast = (2 * (product - both) + C2) / (squares - mean_squares + C2)
    luminance = (2 * both + C1) / (mean_squares + C1)
    return (luminance * contrast).mean((1, 2, 3)), contrast.mean((1, 2, 3))


def _windowed(pictures: Tensor) -> Tensor:
    """Means of pictures `[…, H, W]` under the window, `[…, H − 10, W − 10]`.

    Products with banded matrices: of crops more than ten times as fast as convolutions of one channel.
    """
    rows, columns = (_band(side, pictures) for side in pictures.shape[-2:])
    return rows @ pictures @ columns.T


def _band(side: int, like: Tensor) -> Tensor:
    """The Gaussian window at every place where it fits into `side` samples, `[side − 10, side]`."""
    places = torch.arange(side, device=like.device)
    middles = places[WINDOW // 2 : side - WINDOW // 2, None]
    distance = (places - middles).to(like.dtype)
    window = torch.exp(-(distance**2) / (2 * SIGMA**2)) * (distance.abs() <= WINDOW // 2)
    return window / window.sum(1, keepdim=True)
