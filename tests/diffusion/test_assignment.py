"""The least total cost, against every permutation and against exchanges."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ddpm.diffusion.assignment import assign
from tests.examples import examples


def total(costs: Tensor, columns: list[int]) -> float:
    return float(costs[range(len(costs)), columns].double().sum())


@settings(max_examples=examples(40))
@given(size=st.integers(1, 6), seed=st.integers(0, 10**6), whole=st.booleans())
def test_no_permutation_costs_less(size: int, seed: int, whole: bool) -> None:
    costs = torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
    costs = (2 * costs).round() if whole else costs  # with ties
    columns = assign(costs)
    assert sorted(columns) == list(range(size))
    least = min(total(costs, [*order]) for order in itertools.permutations(range(size)))
    assert total(costs, columns) == pytest.approx(least, abs=1e-5)


def test_no_exchange_within_a_batch_lowers_the_cost() -> None:
    costs = torch.rand(60, 60, generator=torch.Generator().manual_seed(0)).double()
    columns = assign(costs)
    assert sorted(columns) == list(range(60))
    chosen = costs[:, columns]  # [row, row of the column]
    kept = chosen.diagonal()
    exchanged = chosen + chosen.T - kept[:, None] - kept[None, :]
    assert float(exchanged.min()) >= -1e-9


def test_nothing_is_assigned_to_nothing() -> None:
    assert assign(torch.zeros(0, 0)) == []
