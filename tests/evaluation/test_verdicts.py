"""Verdicts: equal generators are distinguished one time in 20, different ones always."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.bootstrap import bootstrap_counts, bootstrap_interval
from ddpm.evaluation.metrics import METRICS, Reference, Sample
from ddpm.evaluation.verdicts import (
    Score,
    bonferroni_factor,
    compare_tables,
    decide_verdict,
    sum_scores,
)
from ddpm.messages import sentence

N = 80
FLOOR = Score(0.0, -0.2, 0.2)
Draw = Callable[[np.random.Generator], Score]


def normal(mean: float = 0.0, n: int = N) -> Draw:
    """A mean of n numbers with its normal interval."""

    def draw(rng: np.random.Generator) -> Score:
        x = rng.normal(mean, 1, n)
        half = 1.96 * x.std(ddof=1) / n**0.5
        return Score(x.mean(), x.mean() - half, x.mean() + half)

    return draw


def share(p: float) -> Draw:
    """A share of n images with the interval that `evaluate` gives it: bootstrap, rule of three."""

    def draw(rng: np.random.Generator) -> Score:
        x = torch.from_numpy((rng.random(N) < p).astype(np.float64))
        replicates = bootstrap_counts(N, 200, int(rng.integers(2**31))) @ x / N
        value = x.mean().item()
        return Score(value, *METRICS["precision"].interval(value, replicates, N))

    return draw


def spread(scale: float) -> Draw:
    """A variance, moved by a factor, as Fréchet distances are."""

    def draw(rng: np.random.Generator) -> Score:
        x = torch.from_numpy(rng.normal(0, scale, N) ** 2)
        replicates = bootstrap_counts(N, 200, int(rng.integers(2**31))) @ x / N
        return Score(x.mean().item(), *bootstrap_interval(x.mean().item(), replicates, "factor"))

    return draw


def told_apart(draws: list[Draw], better: str, repeats: int = 400) -> float:
    """Return the share of verdicts other than "not distinguishable"."""
    rng = np.random.default_rng(0)
    labels = [f"m{i}" for i in range(len(draws))]
    said = 0
    for _ in range(repeats):
        scores = {i: draw(rng) for i, draw in enumerate(draws)}
        verdict = decide_verdict(scores, better, FLOOR, labels, N)
        said += verdict.found["code"] != "not_distinguishable"
    return said / repeats


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("draw", [normal(), share(0.8), share(0.02), spread(2.0)])
def test_the_same_generator_twice_is_told_apart_about_one_time_in_20(
    draw: Draw, better: str
) -> None:
    assert told_apart([draw, draw], better) <= 0.085


def test_the_rule_is_not_timid() -> None:
    assert told_apart([normal(), normal()], "lower", 1000) == pytest.approx(0.05, abs=0.02)
    assert told_apart([spread(2.0), spread(2.0)], "lower", 1000) >= 0.03


@pytest.mark.parametrize("mean", [0.0, 0.1, 3.0])
def test_metrics_that_should_be_real_keep_the_size_near_the_floor_and_far_from_it(
    mean: float,
) -> None:
    assert told_apart([normal(mean), normal(mean)], "real") <= 0.08


def test_five_times_the_same_generator_is_told_apart_no_more_often() -> None:
    assert told_apart([normal()] * 5, "lower") <= 0.08


@pytest.mark.parametrize("better", ["lower", "higher", "real"])
def test_clear_differences_are_seen(better: str) -> None:
    near, far = (2.0, 0.0) if better == "higher" else (0.3, 2.0)
    rng = np.random.default_rng(1)
    for _ in range(50):
        scores = {0: normal(far)(rng), 1: normal(near)(rng)}
        verdict = decide_verdict(scores, better, FLOOR, ["far", "near"], N)
        assert (sentence(verdict.found), verdict.winner) == ("near is better", 1)


def test_opposite_sides_of_the_floor_are_compared_by_their_distance_to_it() -> None:
    """Far below loses to a little above; the floor's own doubt counts twice then."""
    below, above = Score(-3.0, -3.1, -2.9), Score(1.0, 0.9, 1.1)
    assert decide_verdict({0: below, 1: above}, "real", FLOOR, ["b", "a"], N).winner == 1
    unsure = Score(0.0, -1.0, 1.0)  # 3 - 1 = 2, but the floor may be off by 1 towards either
    assert decide_verdict({0: below, 1: above}, "real", unsure, ["b", "a"], N).winner is None
    same_side = {0: Score(3.0, 2.9, 3.1), 1: above}
    assert decide_verdict(same_side, "real", unsure, ["b", "a"], N).winner == 1


def test_the_interval_of_a_difference_of_shares_is_newcombes() -> None:
    """Table II of Newcombe 1998, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339."""
    a, b = Score(0.8, 0.6918, 0.8769), Score(0.6, 0.4905, 0.7006)  # Wilson
    found = sum_scores([a, b.times(-1)])
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=2e-4)


def test_intervals_grow_with_the_number_of_pairs() -> None:
    assert bonferroni_factor(2) == pytest.approx(1)
    assert bonferroni_factor(3) == pytest.approx(2.394 / 1.960, abs=1e-3)
    assert bonferroni_factor(5) == pytest.approx(2.807 / 1.960, abs=1e-3)


@pytest.mark.parametrize(
    ("values", "words", "winner"),
    [
        ([1, 5, 9], "a is best", 0),
        ([1, 1.1, 9], "a is better than c; not distinguishable from b at n=80", None),
        ([1.1, 1, 1.2], "not distinguishable at n=80", None),
    ],
)
def test_of_three_the_best_is_held_against_each_other_one(
    values: list[float], words: str, winner: int | None
) -> None:
    scores = {i: Score(v, v - 0.3, v + 0.3) for i, v in enumerate(values)}
    verdict = decide_verdict(scores, "lower", None, ["a", "b", "c"], N)
    assert (sentence(verdict.found), verdict.winner) == (words, winner)


def row(metric: str, value: float, **others: Any) -> dict[str, Any]:
    known = {"metric": metric, "label": metric, "better": "lower", "n": N, "protocol": f"n={N}"}
    return {**known, "value": value, "low": value - 1, "high": value + 1, "floor": 0.5, **others}


def test_tables_become_verdicts_in_their_order_and_gaps_are_kept() -> None:
    tables = [[row("fd", 3), row("bits", 2)], [row("fd", 9)]]
    fd, bits = compare_tables(tables, ["a", "b"])
    assert fd["values"] == [
        {"value": 3, "low": 2, "high": 4},
        {"value": 9, "low": 8, "high": 10},
    ]
    assert (fd["metric"], fd["floor"], sentence(fd["verdict"]), fd["winner"]) == (
        "fd",
        0.5,
        "a is better",
        0,
    )
    assert bits["values"][1] == {"value": None, "low": None, "high": None}
    assert (sentence(bits["verdict"]), bits["winner"]) == ("only a has this measurement", None)


def test_scores_of_different_protocols_are_refused() -> None:
    with pytest.raises(RequestError, match="have different protocols"):
        compare_tables([[row("fd", 3)], [row("fd", 3, protocol="n=9")]], ["a", "b"])


@pytest.mark.parametrize("name", ["fd", "kid", "detail", "diversity", "coverage", "recall"])
def test_two_samples_of_one_generator_by_real_metrics(name: str, make_images, network) -> None:
    """The intervals as measured: of 60 pairs, at most 8 may be distinguished (99.5 % of 0.05)."""
    n, pairs, metric = 100, 60, METRICS[name]
    images = make_images(1000 + 2 * pairs * n, seed=3)
    features = network.features(images)
    known, order = slice(0, 1000), torch.arange(1000)
    reference = Reference(images[known], features[known], None, order[:n], order)

    def score(start: int) -> Score:
        part = slice(start, start + n)
        weights = torch.cat([torch.ones(1, n), bootstrap_counts(n, 100, start)]).double()
        values = metric.measure(Sample(images[part], features[part]), reference, weights)
        return Score(values[0].item(), *metric.interval(values[0].item(), values[1:], n))

    said = 0
    for pair in range(pairs):
        both = {i: score(1000 + (2 * pair + i) * n) for i in (0, 1)}
        said += (
            decide_verdict(both, metric.better, Score(0, 0, 0), ["a", "b"], n).winner is not None
        )
    assert said <= 8
