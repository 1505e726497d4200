"""The Fréchet distance between two sets of features, each taken as a Gaussian (Heusel et al. 2017, section 3).

    d² = |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)

(The literature reports d², as here.) With few clips it is too large, the more so the more features there are: compare
sets of equally many clips alone, and look at what two sets of real ones are apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Gaussian:
    """Mean `[C]` and a root `[R, C]` of the covariance Σ = rootᵀ · root, both float64.

    Any root will do, and R is at most as many as there were features: no matrix `[C, C]` is made of fewer.
    """

    mean: Tensor
    root: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Gaussian:
        """Of features `[N, C]`. ValueError for fewer than two, and for what is no number."""
        x = features.double().cpu()
        if x.dim() != 2 or len(x) < 2 or not bool(torch.isfinite(x).all()):
            raise ValueError(f"features {list(x.shape)}: two clips or more, and numbers, are needed")
        mean = x.mean(0)
        root = (x - mean) / (len(x) - 1) ** 0.5
        if len(x) > x.shape[1]:
            root = torch.linalg.qr(root, mode="r").R  # [C, C]: (QR)ᵀ QR = Rᵀ R
        return cls(mean, root)


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """d² above, never below zero.

    With Σ = AᵀA and BᵀB the trace of (Σ₁ Σ₂)^½ is the sum of the singular values of ABᵀ, for its squared ones are the
    eigenvalues of Σ₁ Σ₂ that are not zero: no root is taken of a small number that rounding has made, and a covariance
    that has no inverse does no harm.
    """
    cross = torch.linalg.svdvals(one.root @ other.root.T).sum()
    between = (one.mean - other.mean).square().sum()
    distance = between + one.root.square().sum() + other.root.square().sum() - 2 * cross
    return max(0.0, float(distance))
