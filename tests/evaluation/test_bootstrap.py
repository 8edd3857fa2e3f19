from __future__ import annotations

import pytest
import torch

from ddpm.evaluation.bootstrap import bootstrap_counts, bootstrap_interval, ratio_interval


def test_counts_are_draws_with_repeats() -> None:
    counts = bootstrap_counts(50, 400, seed=1)
    assert counts.sum(dim=1).unique().tolist() == [50]
    assert torch.equal(counts, bootstrap_counts(50, 400, seed=1))
    assert not torch.equal(counts, bootstrap_counts(50, 400, seed=2))
    assert counts.mean().item() == 1
    assert (counts == 0).double().mean().item() == pytest.approx((1 - 1 / 50) ** 50, abs=0.01)


def test_the_interval_of_a_mean_covers_it_about_95_times_in_100() -> None:
    generator = torch.Generator().manual_seed(0)
    covered = 0
    for seed in range(200):
        x = torch.randn(80, generator=generator, dtype=torch.float64)
        counts = bootstrap_counts(80, 200, seed)
        low, high = bootstrap_interval(x.mean().item(), counts @ x / 80, "difference")
        covered += low < 0 < high
    assert 180 <= covered <= 198


def test_the_value_sits_at_the_median_on_either_scale() -> None:
    replicates = torch.linspace(2, 4, 201, dtype=torch.float64)  # median 3, quantiles 2.05, 3.95
    assert bootstrap_interval(1.0, replicates, "difference") == pytest.approx((0.05, 1.95))
    assert bootstrap_interval(6.0, replicates, "factor") == pytest.approx((4.1, 7.9))
    assert bootstrap_interval(0.0, torch.zeros(9, dtype=torch.float64), "factor") == (0.0, 0.0)


def test_a_ratio_varies_with_both_sides() -> None:
    noisy = torch.linspace(0.8, 1.2, 201, dtype=torch.float64)
    still = torch.ones(3, dtype=torch.float64)
    assert ratio_interval(6 * noisy, 2 * still) == pytest.approx((2.43, 3.57))
    low, high = ratio_interval(6 * still, 2 * noisy)
    assert (low, high) == pytest.approx((3 / 1.19, 3 / 0.81))
    both = ratio_interval(6 * noisy, 2 * noisy)
    assert both[0] < low < high < both[1]
