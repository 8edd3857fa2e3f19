from __future__ import annotations

import math

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.fid import frechet_distance, frechet_distance_to
from ddpm.evaluation.statistics import Statistics, statistics


def gaussian(mean: list[float], covariance: torch.Tensor) -> Statistics:
    return Statistics(100, torch.tensor(mean, dtype=torch.float64), covariance.double())


def random_statistics(seed: int, count: int = 50) -> Statistics:
    generator = torch.Generator().manual_seed(seed)
    return statistics(
        torch.randn(count, 8, generator=generator) @ torch.randn(8, 8, generator=generator)
    )


def test_shifted_gaussians_lie_the_squared_shift_apart() -> None:
    covariance = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    a, b = gaussian([0, 0], covariance), gaussian([3, -4], covariance)
    assert frechet_distance(a, b) == pytest.approx(25, rel=1e-9)


def test_scaled_gaussians_differ_by_their_deviations() -> None:
    a = gaussian([0, 0], torch.diag(torch.tensor([4.0, 9.0])))
    b = gaussian([0, 0], torch.diag(torch.tensor([1.0, 0.0])))
    assert frechet_distance(a, b) == pytest.approx((2 - 1) ** 2 + 3**2, rel=1e-9)


def test_rotated_covariances_in_closed_form() -> None:
    """In 2-D, tr M^½ = sqrt(tr M + 2 sqrt(det M)) for M = Σa Σb."""
    a, b = torch.tensor([[5.0, 2.0], [2.0, 1.0]]), torch.tensor([[1.0, -0.5], [-0.5, 3.0]])
    product = a @ b
    root = math.sqrt(product.trace() + 2 * math.sqrt(torch.det(product)))
    expected = (a.trace() + b.trace()).item() - 2 * root
    assert frechet_distance(gaussian([0, 0], a), gaussian([0, 0], b)) == pytest.approx(
        expected, 1e-6
    )


def test_it_is_symmetric_zero_on_itself_and_positive() -> None:
    a, b = random_statistics(1), random_statistics(2)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-10)
    assert frechet_distance(a, b) > 0.1
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_fewer_images_than_features_stay_finite_and_exact_on_themselves() -> None:
    few = random_statistics(1, count=4)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-6)
    assert 0 < frechet_distance(few, random_statistics(2)) < math.inf


def test_a_constant_set_is_as_far_as_the_other_is_spread() -> None:
    other = random_statistics(1)
    point = Statistics(10, other.mean, torch.zeros(8, 8, dtype=torch.float64))
    expected = other.covariance.trace().item()
    assert frechet_distance(point, other) == pytest.approx(expected)
    assert frechet_distance(other, point) == pytest.approx(expected)


def test_features_of_other_networks_are_refused() -> None:
    small = Statistics(10, torch.zeros(3).double(), torch.eye(3).double())
    with pytest.raises(RequestError, match="same feature network"):
        frechet_distance_to(random_statistics(1))(small)


@pytest.mark.parametrize("count", [5, 8, 40])
def test_weighted_images_are_as_far_as_their_statistics(count: int) -> None:
    """Also with fewer images than features, and with images that are left out or repeated."""
    target = frechet_distance_to(random_statistics(1))
    generator = torch.Generator().manual_seed(count)
    x = torch.randn(count, 8, generator=generator).double()
    weights = torch.randint(0, 3, (6, count), generator=generator).double()
    weights[:, :2] += 1
    expected = [target(statistics(x, row)) for row in weights]
    assert target.weighted(x, weights).tolist() == pytest.approx(expected, rel=1e-9)
