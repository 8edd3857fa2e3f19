"""Averages of any length afterwards: closed forms against quadrature and against tracking them directly."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from ddpm.optim.posthoc_ema import (
    LONGEST,
    MAX_FIT_ERROR,
    TRACKED_LENGTHS,
    Basis,
    PowerEma,
    Profile,
    averages_by_length,
    gamma_of,
    length_of,
    overlap,
    snapshot_bytes,
    snapshot_steps,
)

STEPS, COUNT = 480, 24


def density(gamma: float, step: float, moments: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = (gamma + 1) * (moments / step) ** gamma / step
    return np.where(moments <= step, inside, 0.0)


def middles(end: float, count: int = 200_000) -> NDArray[np.float64]:
    return (np.arange(count) + 0.5) * end / count


@pytest.mark.parametrize("length", [0.01, 0.05, 0.1, 0.2, LONGEST])
def test_a_length_is_the_standard_deviation_of_its_profile(length: float) -> None:
    gamma, moments = gamma_of(length), middles(1.0)
    weights = density(gamma, 1.0, moments) / len(moments)
    mean = weights @ moments
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    assert math.sqrt(weights @ (moments - mean) ** 2) == pytest.approx(length, rel=1e-5)
    assert length_of(gamma) == pytest.approx(length, rel=1e-12)


def test_the_papers_own_exponents() -> None:
    assert gamma_of(0.05) == pytest.approx(16.97, abs=0.005)
    assert gamma_of(0.10) == pytest.approx(6.94, abs=0.005)
    assert gamma_of(LONGEST) == pytest.approx(0, abs=1e-9)  # the plain mean


@pytest.mark.parametrize("length", [0.0, -0.1, 0.29])
def test_lengths_that_no_profile_has(length: float) -> None:
    with pytest.raises(ValueError, match=r"a length must lie between 0 and 0\.289"):
        gamma_of(length)


@pytest.mark.parametrize(
    ("one", "other"),
    [((16.97, 100), (6.94, 100)), ((16.97, 40), (6.94, 100)), ((6.94, 100), (2.5, 61)),
     ((0.0, 70), (30.0, 90)), ((6.94, 80), (6.94, 80))],
)  # fmt: skip
def test_inner_products_against_quadrature(
    one: tuple[float, int], other: tuple[float, int]
) -> None:
    moments = middles(100.0)
    summed = (density(*one, moments) * density(*other, moments)).sum() * 100.0 / len(moments)
    assert float(overlap(*one, *other)) == pytest.approx(summed, rel=1e-4)
    assert float(overlap(*one, *other)) == float(overlap(*other, *one))


def profiles(steps: int = STEPS, count: int = COUNT) -> list[Profile]:
    return [
        Profile(gamma_of(length), step)
        for step in sorted(snapshot_steps(steps, count))
        for length in TRACKED_LENGTHS
    ]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("step", [STEPS, STEPS // 2])
def test_what_was_tracked_is_found_again_exactly(which: int, step: int) -> None:
    kept = profiles()
    asked = Profile(gamma_of(TRACKED_LENGTHS[which]), step)
    found = Basis(kept).solve(asked)
    expected = [1.0 if profile == asked else 0.0 for profile in kept]
    assert found.coefficients == pytest.approx(expected, abs=1e-8) and found.error < 1e-6


def test_more_snapshots_cover_more_lengths_with_less_error() -> None:
    asked = Profile(gamma_of(0.03), STEPS)
    bases = [Basis(profiles(count=count)) for count in (8, 16, 32)]
    errors = [basis.solve(asked).error for basis in bases]
    assert all(less < more / 2 for more, less in pairwise(errors))
    ranges = [basis.covered(STEPS) for basis in bases]
    assert all(inner[0] >= outer[0] and inner[1] <= outer[1] for inner, outer in pairwise(ranges))
    low, high = ranges[-1]
    assert low < 0.025 and high > 0.24
    assert bases[-1].solve(Profile(gamma_of(low), STEPS)).error <= MAX_FIT_ERROR
    assert bases[-1].solve(Profile(gamma_of(low - 0.002), STEPS)).error > MAX_FIT_ERROR


class Walk:
    """Weights that go at random, by smaller steps towards the end as a learning rate that decays does."""

    def __init__(self, lengths: tuple[float, ...] = ()) -> None:
        torch.manual_seed(0)
        self.network = nn.Linear(40, 50).double()
        self.kept = PowerEma(self.network)
        self.direct = {length: torch.zeros(50, 40, dtype=torch.float64) for length in lengths}
        self.put_aside: list[dict[str, torch.Tensor]] = []

    def go(self, first: int = 1, last: int = STEPS) -> None:
        due = snapshot_steps(STEPS, COUNT)
        for step in range(first, last + 1):
            generator = torch.Generator().manual_seed(step)
            weight = self.network.weight.data
            noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            weight += 0.02 * (1.05 - step / STEPS) * noise
            self.kept.update(step)
            for length, average in self.direct.items():  # Σ τ^γ-weighted, summed as it is defined
                total = gamma_of(length) + 1
                share = (step / STEPS) ** total - ((step - 1) / STEPS) ** total
                average += share * weight
            if step in due:
                self.put_aside.append({k: t.clone() for k, t in self.kept.state().items()})

    def average(self, length: float, *, half: bool = False) -> tuple[torch.Tensor, float]:
        """The reconstruction of the weight matrix, and the least-squares error."""
        found = Basis(profiles()).solve(Profile(gamma_of(length), STEPS))
        tensors = [
            averages_by_length(state)[s]["weight"]
            for state in self.put_aside
            for s in TRACKED_LENGTHS
        ]
        tensors = [t.half().double() if half else t for t in tensors]
        summed = sum(c * t for c, t in zip(found.coefficients, tensors, strict=True))
        assert isinstance(summed, torch.Tensor)
        return summed, found.error


LENGTHS = (0.03, 0.05, 0.08, 0.1, 0.15, 0.2)


@pytest.fixture(scope="module")
def walk() -> Walk:
    walk = Walk(LENGTHS)
    walk.go()
    return walk


@pytest.mark.parametrize("length", LENGTHS)
def test_an_average_made_afterwards_is_the_one_that_would_have_been_tracked(
    walk: Walk, length: float
) -> None:
    made, error = walk.average(length)
    direct = walk.direct[length]
    relative = ((made - direct).norm() / (direct - walk.network.weight).norm()).item()
    assert relative <= max(error, 1e-4) and error <= MAX_FIT_ERROR


def test_other_lengths_are_other_averages(walk: Walk) -> None:
    """The check above is no vacuous one: neighbors among LENGTHS lie far apart by its own measure."""
    for one, other in pairwise(LENGTHS):
        apart = (walk.direct[one] - walk.direct[other]).norm()
        assert apart > 0.2 * (walk.direct[other] - walk.network.weight).norm()


@pytest.mark.parametrize("length", LENGTHS)
def test_half_precision_costs_no_more_than_its_rounding(walk: Walk, length: float) -> None:
    exact, _ = walk.average(length)
    rounded, _ = walk.average(length, half=True)
    coefficients = Basis(profiles()).solve(Profile(gamma_of(length), STEPS)).coefficients
    largest = max(
        averages_by_length(s)[t]["weight"].abs().max().item()
        for s in walk.put_aside
        for t in TRACKED_LENGTHS
    )
    bound = 2**-11 * largest * np.abs(coefficients).sum()
    assert 0 < (rounded - exact).abs().max().item() <= bound


def test_the_first_average_is_the_weights_themselves() -> None:
    network = nn.Linear(3, 2)
    kept = PowerEma(network)
    for average in kept.state().values():
        average.fill_(7.0)  # what was there before is forgotten
    kept.update(1)
    for tensors in averages_by_length(kept.state()).values():
        assert tensors.keys() == dict(network.named_parameters()).keys()
        assert all(torch.equal(tensors[n], p) for n, p in network.named_parameters())


def test_taken_up_again_it_goes_on_in_the_same_bits(walk: Walk) -> None:
    first = Walk()
    first.go(1, 200)
    second = Walk()
    second.network.load_state_dict(first.network.state_dict())
    second.kept.load({k: t.clone() for k, t in first.kept.state().items()})
    second.go(201)
    for name, average in walk.kept.state().items():
        assert torch.equal(second.kept.state()[name], average)


@pytest.mark.parametrize(
    ("total", "count", "steps"),
    [(9, 3, {3, 6, 9}), (10, 4, {2, 5, 8, 10}), (3, 24, {1, 2, 3}), (100, 0, set()), (7, 1, {7})],
)
def test_equally_spaced_steps_end_with_the_run(total: int, count: int, steps: set[int]) -> None:
    found = snapshot_steps(total, count)
    assert found - {0} == steps and (not count or max(found) == total)


def test_a_longer_run_has_few_steps_more() -> None:
    due = snapshot_steps(1000, 24) | {s for s in snapshot_steps(2000, 24) if s > 1000}
    assert len(due) == 24 + 12


def test_bytes_are_those_of_two_averages_in_half_precision() -> None:
    assert snapshot_bytes(1_000_000, 1000, 24) == 24 * 2 * 2_000_000
    assert snapshot_bytes(1_000_000, 1000, 0) == 0 and snapshot_bytes(10, 3, 24) == 3 * 40
