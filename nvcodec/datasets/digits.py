"""Handwritten digits as shapes to move about: those of UCI's Optical Recognition set, which scikit-learn ships."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nvcodec.errors import NvcodecError

SIDE = 64  # samples a side of an enlarged digit
INSTALL = "pip install 'nvcodec[data]'"


@dataclass(frozen=True)
class Digits:
    """`shapes` [N, SIDE, SIDE] float32 from 0 (paper) to 1 (ink), and which digit each is, `labels` [N] int."""

    shapes: np.ndarray
    labels: np.ndarray


def load_digits() -> Digits:
    """All 1,797 digits, 8 x 8 samples of 17 greys, enlarged by cubic splines to clean outlines.

    Raises NvcodecError when scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits as shipped
    except ImportError as error:
        raise NvcodecError(f"the digits come with scikit-learn, which is not installed: {INSTALL}") from error
    from scipy.ndimage import gaussian_filter, zoom

    images, labels = shipped(return_X_y=True)
    small = np.pad(images.reshape(-1, 8, 8) / 16, ((0, 0), (1, 1), (1, 1)))  # a rim of paper on every side
    large = zoom(small.astype(np.float32), (1, SIDE / 10, SIDE / 10), order=3, mode="grid-constant", grid_mode=True)
    shapes = _edge(gaussian_filter(large, (0, 1.2, 1.2)), 0.38, 0.64)
    return Digits(shapes.astype(np.float32), labels.astype(np.int64))


def _edge(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, a smooth step between."""
    x = np.clip((values - low) / (high - low), 0, 1)
    return x * x * (3 - 2 * x)
