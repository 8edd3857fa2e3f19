from __future__ import annotations

import pytest
import torch

from ddpm.evaluation.density_coverage import balls_around, coverage, density, weighted_coverage


def normal(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)) + shift


def test_a_line_counted_by_hand() -> None:
    """Balls of radius 1 around 0 … 4 (k = 1): 1.5 lies in those of 1 and 2, 9 in none."""
    real = torch.arange(5.0)[:, None]
    fake = torch.tensor([[1.5], [9.0]])
    assert balls_around(real, fake, k=1).tolist() == [2, 0]
    assert density(real, fake, k=1) == 1
    assert coverage(real, fake, k=1) == pytest.approx(2 / 5)


def test_the_same_set_is_covered_whole() -> None:
    x = normal(60, 0)
    assert coverage(x, x) == 1
    assert density(x, x) == pytest.approx(6 / 5)  # k neighbours' balls on average, and its own


def test_real_images_have_a_density_of_about_one() -> None:
    assert density(normal(500, 0), normal(500, 1)) == pytest.approx(1, abs=0.1)
    assert coverage(normal(500, 0), normal(500, 1)) == pytest.approx(1 - 2**-5, abs=0.03)


def test_one_outlier_in_the_data_fools_precision_more_than_density() -> None:
    real = torch.cat([normal(200, 0), 40 * torch.ones(1, 4)])
    assert density(real, normal(200, 1, shift=20)) < 0.3
    assert density(real, normal(200, 1)) > 0.8


def test_collapse_keeps_density_and_loses_coverage() -> None:
    real = normal(300, 0)
    collapsed = real[:1] * 0.1 + 0.01 * normal(300, 1)
    assert density(real, collapsed) > 0.7
    assert coverage(real, collapsed) < 0.2


def test_weights_of_zero_take_images_away() -> None:
    real, fake = normal(1500, 0), normal(30, 1)
    weights = torch.zeros(2, 30)
    weights[0] = 1
    weights[1, :10] = 2
    values = weighted_coverage(real, fake, weights).tolist()
    assert values == [coverage(real, fake), coverage(real, fake[:10])]
    assert values[1] < values[0]
