"""Pictures of even size as six planes of one size, which arrays can hold."""

from __future__ import annotations

import numpy as np


def pack(y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """4:2:0 planes of even size to `[6, H/2, W/2]`: the four luma phases, U, V."""
    return np.stack([y[0::2, 0::2], y[0::2, 1::2], y[1::2, 0::2], y[1::2, 1::2], u, v])
