from __future__ import annotations

import math

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.diversity import class_divergence, class_shares, is_confident, mean_distance


def test_mean_distance_by_hand_and_without_self_pairs() -> None:
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    assert mean_distance(points).item() == pytest.approx((5 + 0 + 5) / 3)
    weights = torch.tensor([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]])
    assert mean_distance(points, weights).tolist() == pytest.approx([5, 5])


def test_more_than_a_block_is_the_same_mean() -> None:
    x = torch.randn(1100, 3, generator=torch.Generator().manual_seed(0)).double()
    expected = torch.pdist(x).mean().item()
    assert mean_distance(x).item() == pytest.approx(expected, rel=1e-9)
    assert mean_distance(x * 0.5).item() == pytest.approx(expected / 2, rel=1e-9)


def test_one_image_has_no_diversity() -> None:
    with pytest.raises(RequestError, match="at least 2"):
        mean_distance(torch.zeros(1, 3))


def test_shares_count_the_likeliest_class() -> None:
    p = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.9, 0.1, 0.0]])
    assert class_shares(p)[0].tolist() == [0.75, 0.25, 0]
    assert class_shares(p, torch.tensor([[0, 3, 1, 0]]))[0].tolist() == [0.25, 0.75, 0]
    assert is_confident(p).tolist() == [False, False, False, False]
    assert is_confident(torch.tensor([[0.91, 0.09], [0.5, 0.5]])).tolist() == [True, False]


def test_divergence_is_zero_in_balance_and_grows_with_the_loss_of_classes() -> None:
    even = torch.full((10,), 0.1, dtype=torch.float64)
    nine = torch.tensor([1 / 9] * 9 + [0.0], dtype=torch.float64)
    one = torch.eye(10, dtype=torch.float64)[0]
    values = class_divergence(torch.stack([even, nine, one]), even, 1e6).tolist()
    assert values == pytest.approx([0, math.log(10 / 9), math.log(10)], abs=1e-3)


def test_a_class_that_the_reference_lacks_costs_a_finite_price() -> None:
    new, old = torch.tensor([[0.5, 0.5]]).double(), torch.tensor([1.0, 0.0]).double()
    assert 1 < class_divergence(new, old, 100).item() < 5
