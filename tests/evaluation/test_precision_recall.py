from __future__ import annotations

import torch

from ddpm.evaluation.precision_recall import inside_balls, precision, recall, weighted_recall

LINE = torch.arange(10.0)[:, None]


def normal(count: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))


def test_balls_reach_to_the_kth_neighbor_and_no_farther() -> None:
    points = torch.tensor([[9.0], [10.0], [10.01], [-1.0], [4.5], [-1.2]])
    assert inside_balls(points, LINE, k=1).tolist() == [True, True, False, True, True, False]


def test_the_same_set_has_both_in_full() -> None:
    x = normal(50, 0)
    assert precision(x, x) == recall(x, x) == 1


def test_a_collapsed_generator_is_precise_and_recalls_little() -> None:
    real = normal(300, 0)
    collapsed = real[:1] + 0.01 * normal(300, 1)
    assert precision(real, collapsed) == 1
    assert recall(real, collapsed) < 0.05


def test_a_scattered_generator_recalls_and_is_imprecise() -> None:
    real, scattered = normal(300, 0), normal(300, 1, scale=3)
    assert precision(real, scattered) < 0.4
    assert recall(real, scattered) > 0.9


def test_swapping_the_sets_swaps_the_two() -> None:
    a, b = normal(80, 0), normal(60, 1, scale=1.5)
    assert precision(a, b) == recall(b, a)
    assert 0 < precision(a, b) < recall(a, b)


def test_weights_of_zero_take_balls_away() -> None:
    real, fake = normal(40, 0), normal(30, 1)
    weights = torch.zeros(3, 30)
    weights[0] = 1
    weights[1, :10] = 2
    values = weighted_recall(real, fake, weights).tolist()
    assert values[0] == recall(real, fake)
    assert 0 == values[2] < values[1] < values[0]
