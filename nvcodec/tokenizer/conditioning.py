"""What every network of the codec is told about the picture's coding: its quality and its kind."""

from __future__ import annotations

import torch
from torch import Tensor

from nvcodec.tokenizer.quantize import QUALITY_MAX

KNOT_SPACING = 12
HAT_SCALE = 12
KNOTS = QUALITY_MAX // KNOT_SPACING + 2
CONDITIONS = KNOTS + 2


def conditions(quality: int, *, first: bool) -> Tensor:
    """Integer features of a latent frame, `[CONDITIONS]` float32 holding 0…HAT_SCALE.

    Quality 1…100 as a partition of unity by hat functions over knots KNOT_SPACING apart (so a linear
    layer draws any piecewise linear function of log Δ); quality 0, the token reading, lights a feature
    of its own; the last feature marks the first latent frame of a GOP.
    """
    out = torch.zeros(CONDITIONS)
    if quality == 0:
        out[KNOTS] = HAT_SCALE
    else:
        knot, rest = divmod(quality, KNOT_SPACING)
        out[knot] = HAT_SCALE - rest * HAT_SCALE // KNOT_SPACING
        out[knot + 1] = rest * HAT_SCALE // KNOT_SPACING
    out[-1] = HAT_SCALE * first
    return out
