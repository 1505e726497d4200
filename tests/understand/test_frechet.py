"""The Fréchet distance, against what can be worked out by hand."""

from __future__ import annotations

import pytest
import torch

from nvcodec.understand.frechet import Gaussian, frechet_distance


def orthogonal(size: int, seed: int) -> torch.Tensor:
    random = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.linalg.qr(random).Q


def test_of_gaussians_with_the_same_axes_it_is_that_of_their_spreads() -> None:
    # tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½) = Σ (σ₁ − σ₂)² where both have the same eigenvectors
    axes = orthogonal(5, 1)
    one, other = torch.tensor([1.0, 2, 3, 4, 0]).double(), torch.tensor([3.0, 2, 0, 1, 5]).double()
    a = Gaussian(torch.zeros(5).double(), (axes * one).T)
    b = Gaussian(torch.full((5,), 2.0).double(), orthogonal(5, 2) @ (axes * other).T)  # as good a root
    assert frechet_distance(a, b) == pytest.approx(5 * 4 + 4 + 0 + 9 + 9 + 25, abs=1e-9)


def test_of_any_two_in_the_plane_it_is_the_closed_form() -> None:
    # of 2 × 2 matrices tr(M^½) = √(tr M + 2 √det M)
    roots = [torch.tensor([[2.0, 1.0], [0.5, 1.5]]).double(), torch.tensor([[1.0, -2.0], [0.3, 0.7]]).double()]
    one, other = (root @ root.T for root in roots)
    product = one @ other
    cross = (product.trace() + 2 * torch.linalg.det(product).sqrt()).sqrt()
    wanted = float(one.trace() + other.trace() - 2 * cross)
    zero = torch.zeros(2).double()
    assert frechet_distance(*(Gaussian(zero, root.T) for root in roots)) == pytest.approx(wanted, abs=1e-9)


def test_a_set_is_at_no_distance_from_itself_even_with_features_that_never_vary() -> None:
    features = torch.randn(40, 6, generator=torch.Generator().manual_seed(3))
    features[:, 4:] = 100.0
    few = Gaussian.of(features[:5])  # fewer clips than features: the covariance has no inverse
    for found in (Gaussian.of(features), few):
        assert frechet_distance(found, found) < 1e-9


def test_it_is_symmetric_and_grows_as_sets_move_apart() -> None:
    generator = torch.Generator().manual_seed(4)
    x, y = torch.randn(300, 8, generator=generator), torch.randn(300, 8, generator=generator) * 1.3
    near, far = (frechet_distance(Gaussian.of(x), Gaussian.of(y + shift)) for shift in (0.1, 1.0))
    assert far > near > 0
    assert frechet_distance(Gaussian.of(y + 1.0), Gaussian.of(x)) == pytest.approx(far, rel=1e-9)


def test_mean_and_covariance_are_those_of_the_sample() -> None:
    features = torch.tensor([[1.0, 2.0], [3.0, 2.0], [5.0, 8.0]])
    found = Gaussian.of(features)
    assert found.mean.tolist() == [3.0, 4.0]
    wanted = torch.tensor([[4.0, 6.0], [6.0, 12.0]]).double()
    assert torch.allclose(found.root.T @ found.root, wanted, rtol=0, atol=1e-12)
    assert len(Gaussian.of(torch.randn(90, 2)).root) == 2  # no larger for more clips


def test_fewer_clips_than_features_are_as_far_apart_as_the_same_ones_written_out() -> None:
    generator = torch.Generator().manual_seed(5)
    x, y = torch.randn(6, 20, generator=generator), torch.randn(50, 20, generator=generator) * 2 + 0.5
    few, many = Gaussian.of(x), Gaussian.of(y)
    product = torch.linalg.eigvals(torch.cov(x.T.double()) @ torch.cov(y.T.double()))
    cross = product.real.clamp(min=0).topk(5).values.sqrt().sum()  # six clips vary in five directions
    spread = (x.double().var(0) + y.double().var(0)).sum() + (x.double().mean(0) - y.double().mean(0)).square().sum()
    assert frechet_distance(few, many) == pytest.approx(float(spread - 2 * cross), rel=1e-9)


def test_one_clip_and_what_is_no_number_are_refused() -> None:
    for features in (torch.zeros(1, 3), torch.full((4, 3), float("nan"))):
        with pytest.raises(ValueError, match="two clips or more"):
            Gaussian.of(features)
