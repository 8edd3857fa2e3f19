"""The held-out gap: a paired statistic that scale and shared difficulty leave alone."""

from __future__ import annotations

import math

import pytest
import torch

from ddpm.evaluation.heldout_gap import heldout_gap


def lognormal(*shape: int, seed: int, spread: float = 0.5) -> torch.Tensor:
    return (spread * torch.randn(shape, generator=torch.Generator().manual_seed(seed))).exp()


def test_a_gap_in_closed_form() -> None:
    found = heldout_gap(torch.tensor([2.0, 8.0]), torch.tensor([1.0, 2.0]))
    assert found.relative == pytest.approx(math.sqrt(8) - 1)  # the geometric mean of 2 and 4
    mean, spread = 1.5 * math.log(2), math.log(2) / math.sqrt(2)
    assert found.z == pytest.approx(mean / (spread / math.sqrt(2)))


def test_what_both_of_a_pair_share_does_not_matter() -> None:
    heldout, training = lognormal(50, seed=0), lognormal(50, seed=1)
    shared = lognormal(50, seed=2, spread=3.0)  # noise levels
    one, other = (
        heldout_gap(heldout, training),
        heldout_gap(7 * shared * heldout, 7 * shared * training),
    )
    assert one == pytest.approx(other, rel=1e-4)


def test_z_is_about_standard_normal_where_there_is_no_gap() -> None:
    found = [heldout_gap(*lognormal(2, 60, seed=seed)).z for seed in range(400)]
    assert abs(sum(found) / 400) < 0.2 and max(map(abs, found)) < 4.5
    assert 0.85 < math.sqrt(sum(z * z for z in found) / 400) < 1.2


def test_perfect_losses_cost_no_infinity() -> None:
    found = heldout_gap(torch.ones(30), torch.zeros(30))
    assert math.isfinite(found.relative) and math.isfinite(found.z) and found.z > 4
    assert heldout_gap(torch.zeros(3), torch.zeros(3)) == (0.0, 0.0)
