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
    """Mean `[C]` and covariance `[C, C]`, both float64."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Gaussian:
        """Of features `[N, C]`. ValueError for fewer than two, and for what is no number."""
        x = features.double().cpu()
        if x.dim() != 2 or len(x) < 2 or not bool(torch.isfinite(x).all()):
            raise ValueError(f"features {list(x.shape)}: two clips or more, and numbers, are needed")
        mean = x.mean(0)
        return cls(mean, (x - mean).T @ (x - mean) / (len(x) - 1))


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """d² above, never below zero.

    The trace of (Σ₁ Σ₂)^½ is the sum of the singular values of Σ₁^½ Σ₂^½: no root is taken of a small number that
    rounding has made, and a covariance that has no inverse does no harm.
    """
    cross = torch.linalg.svdvals(_square_root(one.covariance) @ _square_root(other.covariance)).sum()
    between = (one.mean - other.mean).square().sum()
    distance = between + one.covariance.trace() + other.covariance.trace() - 2 * cross
    return max(0.0, float(distance))


def _square_root(matrix: Tensor) -> Tensor:
    """Of a symmetric matrix without negative eigenvalues; those that are but rounding count as zero."""
    values, vectors = torch.linalg.eigh(matrix)
    least = float(values[-1]) * len(values) * torch.finfo(values.dtype).eps
    return vectors * values.where(values > least, 0.0).sqrt() @ vectors.T
