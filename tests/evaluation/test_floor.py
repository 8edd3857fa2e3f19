from __future__ import annotations

import pytest
import torch

from ddpm.evaluation.floor import SETS, floor_sets, measure_sets
from ddpm.evaluation.metrics import METRICS, Reference, Sample


def test_sets_are_scattered_and_consecutive_and_reach_both_ends() -> None:
    scattered, consecutive = floor_sets(100, 30, seed=0)
    assert len(scattered) == len(consecutive) == SETS
    assert all(len(set(index.tolist())) == 30 for index in scattered + consecutive)
    assert all((index.diff() == 1).all() for index in consecutive)
    assert consecutive[0][0] == 0
    assert consecutive[-1][-1] == 99
    assert not any((index.sort().values.diff() == 1).all() for index in scattered)
    assert torch.equal(scattered[0], floor_sets(100, 30, seed=0)[0][0])


def test_below_twice_n_there_are_none() -> None:
    assert len(floor_sets(60, 30, 0)[0]) == SETS
    assert floor_sets(59, 30, 0) == ([], [])


def test_images_that_stand_in_series_lie_farther_when_taken_in_a_row() -> None:
    generator = torch.Generator().manual_seed(0)
    writers = torch.randn(40, 1, 3, generator=generator)
    series = (writers + 0.3 * torch.randn(40, 25, 3, generator=generator)).flatten(0, 1)
    images = torch.zeros(1000, 1, 1, 1, dtype=torch.uint8)
    everything = torch.arange(1000)
    real = Sample(images, series)
    reference = Reference(images, series, None, everything, everything)
    scattered, consecutive = (
        measure_sets(METRICS["fd"], real, reference, sets) for sets in floor_sets(1000, 200, 0)
    )
    assert scattered.shape == consecutive.shape == (SETS,)
    assert consecutive.mean() > 2 * scattered.mean()
    assert measure_sets(METRICS["fd"], real, reference, []).shape == (0,)


@pytest.mark.parametrize("n", [100, 300])
def test_the_kernel_distance_of_real_sets_is_around_zero(n: int) -> None:
    features = torch.randn(1000, 4, generator=torch.Generator().manual_seed(1))
    images = torch.zeros(1000, 1, 1, 1, dtype=torch.uint8)
    everything = torch.arange(1000)
    reference = Reference(images, features, None, everything, everything)
    sets, _ = floor_sets(1000, n, seed=0)
    scattered = measure_sets(METRICS["kid"], Sample(images, features), reference, sets)
    assert scattered.min() < 0 < scattered.max()
