"""Judgements by eye in numbers: shares with Wilson's interval, mean marks with a bootstrap interval.

The unit is the picture, not the answer: what several judges say of one picture is averaged first, for
their answers are not independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist

import torch

from ddpm.evaluation.bootstrap import LEVEL, bootstrap_counts, bootstrap_interval
from ddpm.evaluation.verdicts import Score, Verdict, decide_verdict
from ddpm.messages import message

MIN_PICTURES = 10  # pictures of an entry below which nothing is concluded
REPLICATES = 2000
Ratings = Mapping[int, float]  # picture → 0 … 1, or a mark


def mean_ratings(judges: Iterable[Ratings]) -> dict[int, float]:
    """The mean of all judges' answers to each picture that anyone answered."""
    found: dict[int, list[float]] = {}
    for answers in judges:
        for picture, answer in answers.items():
            found.setdefault(picture, []).append(answer)
    return {picture: sum(given) / len(given) for picture, given in sorted(found.items())}


def wilson_interval(share: float, n: int) -> Score:
    """The 95 % interval of a share among n pictures (Wilson 1927): sensible at 0 and 1 as well."""
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    center = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Score(share, max(0.0, center - half), min(1.0, center + half))


def proportion(answers: Sequence[float]) -> Score | None:
    """The mean of answers from 0 to 1, one a picture, with Wilson's interval; None without any."""
    return wilson_interval(sum(answers) / len(answers), len(answers)) if answers else None


def mean_rating(marks: Sequence[float]) -> Score | None:
    """The mean mark with its bootstrap interval over pictures; None below two."""
    if len(marks) < 2:
        return None
    values = torch.tensor(marks, dtype=torch.float64)
    replicates = bootstrap_counts(len(marks), REPLICATES, 0) @ values / len(marks)
    mean = values.mean().item()
    return Score(mean, *bootstrap_interval(mean, replicates, "difference"))


def best_rated(
    scores: Mapping[int, Score], counts: Mapping[int, int], labels: Sequence[str]
) -> Verdict:
    """Which entry has the highest score, by the rule of all metrics; none below ten pictures each."""
    fewest = min(counts.values(), default=0)
    if len(scores) < 2 or fewest < MIN_PICTURES:
        return Verdict(message("too_few_answers", fewest=MIN_PICTURES), None)
    return decide_verdict(scores, "higher", None, labels, fewest)


def preference_verdict(score: Score, n: int, labels: tuple[str, str]) -> Verdict:
    """Whether the first of two is chosen more, or less, than half the time."""
    if score.low > 0.5:
        return Verdict(message("better", label=labels[0]), 0)
    if score.high < 0.5:
        return Verdict(message("better", label=labels[1]), 1)
    return Verdict(message("not_distinguishable", n=n), None)
