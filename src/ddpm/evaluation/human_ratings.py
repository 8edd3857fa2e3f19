"""Statistics of human ratings: proportions with Wilson intervals, mean ratings with bootstrap intervals.

The unit is the picture. Answers of several raters to one picture are averaged first, because they
are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist

import torch

from ddpm.evaluation.bootstrap import CONFIDENCE_LEVEL, bootstrap_counts, bootstrap_interval
from ddpm.evaluation.verdicts import Score, Verdict, decide_verdict
from ddpm.messages import message

MIN_PICTURES = 10  # per entry; fewer give no verdict
REPLICATES = 2000
Ratings = Mapping[int, float]  # picture number → 0 to 1, or 1 to 5


def mean_ratings(raters: Iterable[Ratings]) -> dict[int, float]:
    """Return the mean rating of each picture over all raters who rated it."""
    ratings: dict[int, list[float]] = {}
    for answers in raters:
        for picture, answer in answers.items():
            ratings.setdefault(picture, []).append(answer)
    return {picture: sum(values) / len(values) for picture, values in sorted(ratings.items())}


def wilson_interval(share: float, n: int) -> Score:
    """Return a proportion of n pictures with its 95 % interval (Wilson 1927), also valid at 0 and 1."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE_LEVEL) / 2)
    center = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Score(share, max(0.0, center - half), min(1.0, center + half))


def proportion(answers: Sequence[float]) -> Score | None:
    """Return the mean of answers in [0, 1], one per picture, with its Wilson interval; None if empty."""
    return wilson_interval(sum(answers) / len(answers), len(answers)) if answers else None


def mean_rating(ratings: Sequence[float]) -> Score | None:
    """Return the mean rating with its bootstrap interval over pictures; None for fewer than two."""
    if len(ratings) < 2:
        return None
    values = torch.tensor(ratings, dtype=torch.float64, device="cpu")
    replicates = bootstrap_counts(len(ratings), REPLICATES, 0) @ values / len(ratings)
    mean = values.mean().item()
    return Score(mean, *bootstrap_interval(mean, replicates, "difference"))


def best_rated(
    scores: Mapping[int, Score], counts: Mapping[int, int], labels: Sequence[str]
) -> Verdict:
    """Return the entry with the best score, by the rule of `verdicts`; none below ten pictures each."""
    fewest = min(counts.values(), default=0)
    if len(scores) < 2 or fewest < MIN_PICTURES:
        return Verdict(message("too_few_answers", fewest=MIN_PICTURES), None)
    return decide_verdict(scores, "higher", None, labels, fewest)


def preference_verdict(score: Score, n: int, labels: tuple[str, str]) -> Verdict:
    """Return the verdict on two entries from the share of pairs in which the first was chosen."""
    if score.low > 0.5:
        return Verdict(message("better", label=labels[0]), 0)
    if score.high < 0.5:
        return Verdict(message("better", label=labels[1]), 1)
    return Verdict(message("not_distinguishable", n=n), None)
