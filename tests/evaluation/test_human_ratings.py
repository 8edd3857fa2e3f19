"""Judgements by eye: intervals with the right coverage, averages over judges, plain verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from ddpm.evaluation.human_ratings import (
    best_rated,
    mean_rating,
    mean_ratings,
    preference_verdict,
    proportion,
    wilson_interval,
)
from ddpm.evaluation.verdicts import Score
from ddpm.messages import message, sentence


def test_wilsons_interval_is_the_published_one() -> None:
    """Newcombe 1998, "two-sided intervals for the single proportion", table I, method 3."""
    for share, n, low, high in (
        (81 / 263, 263, 0.2553, 0.3662),
        (0, 20, 0.0, 0.1611),
        (1 / 29, 29, 0.0061, 0.1718),
    ):
        assert wilson_interval(share, n) == pytest.approx((share, low, high), abs=1e-4)
    assert wilson_interval(1, 20)[2] == 1


def test_wilsons_interval_covers_the_share_about_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    for share in (0.1, 0.5, 0.8):
        found = [wilson_interval(k / 20, 20) for k in rng.binomial(20, share, 1000)]
        assert 0.92 <= np.mean([score.low <= share <= score.high for score in found]) <= 0.98


def test_the_interval_of_a_mean_mark_covers_it_nearly_95_times_in_100() -> None:
    rng = np.random.default_rng(1)
    marks = rng.choice([1, 2, 3, 4, 5], size=(150, 20), p=[0.1, 0.2, 0.4, 0.2, 0.1])
    found = [mean_rating([float(mark) for mark in row]) for row in marks]
    assert 0.88 <= np.mean([score.low <= 3 <= score.high for score in found if score]) <= 0.98
    assert mean_rating([4.0]) is None
    assert proportion([]) is None


def test_judges_are_averaged_picture_by_picture() -> None:
    assert mean_ratings([{1: 1.0, 2: 0.0}, {1: 0.0}, {3: 5.0}]) == {1: 0.5, 2: 0.0, 3: 5.0}
    assert mean_ratings([]) == {}


def test_more_judges_of_the_same_pictures_do_not_make_the_interval_narrower() -> None:
    one = mean_ratings([{i: float(i % 2) for i in range(20)}])
    ten = mean_ratings([{i: float(i % 2) for i in range(20)}] * 10)
    assert (
        proportion(list(one.values())) == proportion(list(ten.values())) == wilson_interval(0.5, 20)
    )


def test_the_best_by_eye_follows_the_rule_of_the_metrics() -> None:
    low, high = Score(2.0, 1.7, 2.3), Score(4.0, 3.7, 4.3)
    counts, names = {0: 20, 1: 15}, ["a", "b"]
    assert best_rated({0: low, 1: high}, counts, names) == (message("better", label="b"), 1)
    same = best_rated({0: low, 1: low}, counts, names)
    assert sentence(same.found) == "not distinguishable at n=15"
    assert best_rated({0: low, 1: high}, {0: 20, 1: 9}, names).found["code"] == "too_few_answers"
    assert best_rated({0: low}, {0: 20}, names).found["code"] == "too_few_answers"


@pytest.mark.parametrize(
    ("chosen", "words"),
    [(18, "a is better"), (2, "b is better"), (12, "not distinguishable at n=20")],
)
def test_a_pair_is_held_against_a_coin(chosen: int, words: str) -> None:
    assert (
        sentence(preference_verdict(wilson_interval(chosen / 20, 20), 20, ("a", "b")).found)
        == words
    )
