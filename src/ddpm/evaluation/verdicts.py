"""Verdicts: which of several generators a metric prefers, and which are not distinguishable at this n.

Each score has its own 95 % interval. The interval of a difference combines the distances of the
ends to the values in quadrature; its lower end is d - √((a - low_a)² + (high_b - b)²) (Newcombe
1998, method 10; Zou & Donner 2008). This assumes independent scores. Images from the same seeds are
positively correlated, so the interval is too wide and the rule errs toward "not distinguishable".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

from ddpm.evaluation.bootstrap import CONFIDENCE_LEVEL
from ddpm.evaluation.protocol import require_same_protocol
from ddpm.messages import Message, message

Row = Mapping[str, Any]


class Score(NamedTuple):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Score:
        """Return the score multiplied by `factor`."""
        low, high = sorted((factor * self.low, factor * self.high))
        return Score(factor * self.value, low, high)


class Verdict(NamedTuple):
    """A verdict, and the index of the entry that is better than every other, if any."""

    found: Message
    winner: int | None


def sum_scores(terms: Sequence[Score], factor: float = 1.0) -> Score:
    """Return the sum of independent scores, with its interval widened by `factor`."""
    value = sum(term.value for term in terms)
    below = math.hypot(*(term.value - term.low for term in terms))
    above = math.hypot(*(term.high - term.value for term in terms))
    return Score(value, value - factor * below, value + factor * above)


def bonferroni_factor(entries: int) -> float:
    """Return the factor that widens intervals so that all pairs of entries together err in 5 % of cases.

    Bonferroni correction over all pairs, because the best entry is chosen after looking.
    """
    pairs = max(1, entries * (entries - 1) // 2)
    normal = NormalDist()
    tail = (1 - CONFIDENCE_LEVEL) / 2
    return normal.inv_cdf(1 - tail / pairs) / normal.inv_cdf(1 - tail)


def decide_verdict(
    scores: Mapping[int, Score], better: str, floor: Score | None, labels: Sequence[str], n: int
) -> Verdict:
    """Return the verdict on the scores of two or more entries, by index.

    better: lower, higher, or real (closer to the floor). The best entry is compared with each other
    entry; they are distinguishable if the 95 % interval of the difference lies above zero.
    """
    origin = floor if better == "real" and floor is not None else Score(0.0, 0.0, 0.0)
    signs = {entry: _direction(score, better, origin) for entry, score in scores.items()}
    best = min(scores, key=lambda entry: signs[entry] * (scores[entry].value - origin.value))
    beaten: list[str] = []
    tied: list[str] = []
    for entry in scores:
        if entry != best:
            terms = _difference((scores[entry], signs[entry]), (scores[best], signs[best]), origin)
            worse = sum_scores(terms, bonferroni_factor(len(scores))).low > 0
            (beaten if worse else tied).append(labels[entry])
    if not beaten:
        return Verdict(message("not_distinguishable", n=n), None)
    if tied:
        found = message("better_than", label=labels[best], beaten=beaten, level=tied, n=n)
        return Verdict(found, None)
    code = "best" if len(scores) > 2 else "better"
    return Verdict(message(code, label=labels[best]), best)


def _direction(score: Score, better: str, floor: Score) -> int:
    """Return the sign s with which s · (value - floor) is the loss; the floor is 0 unless `real`."""
    if better == "real":
        return 1 if score.value >= floor.value else -1
    return 1 if better == "lower" else -1


def _difference(one: tuple[Score, int], other: tuple[Score, int], floor: Score) -> list[Score]:
    """Return the terms whose sum is the loss of `one` minus the loss of `other`.

    The floor cancels if both values are on the same side of it, and counts twice otherwise.
    """
    (a, sign_a), (b, sign_b) = one, other
    return [a.times(sign_a), b.times(-sign_b), floor.times(sign_b - sign_a)]


def compare_rows(rows: Sequence[Row | None], labels: Sequence[str]) -> dict[str, Any]:
    """Return one metric of all entries for comparison.json; a row is None if an entry lacks it.

    RequestError if the rows have different protocols.
    """
    found = {entry: row for entry, row in enumerate(rows) if row is not None}
    first = next(iter(found.values()))
    require_same_protocol(list(found.values()))
    scores = {entry: Score(row["value"], row["low"], row["high"]) for entry, row in found.items()}
    if len(found) > 1:
        verdict = decide_verdict(scores, first["better"], _floor(first), labels, first["n"])
    else:
        verdict = Verdict(message("measured_once", label=labels[next(iter(found))]), None)
    missing = dict.fromkeys(Score._fields)
    return {
        "metric": first["metric"],
        "label": first["label"],
        "better": first["better"],
        "values": [
            scores[entry]._asdict() if entry in scores else missing for entry in range(len(rows))
        ],
        "floor": first.get("floor"),
        "verdict": verdict.found,
        "winner": verdict.winner,
    }


def compare_tables(tables: Sequence[Sequence[Row]], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return `compare_rows` of every metric that any entry has, in order of the rows."""
    by_metric = [{row["metric"]: row for row in table} for table in tables]
    metrics = dict.fromkeys(metric for table in by_metric for metric in table)
    return [compare_rows([table.get(metric) for table in by_metric], labels) for metric in metrics]


def _floor(row: Row) -> Score | None:
    value = row.get("floor")
    if value is None:
        return None
    return Score(value, row.get("floor_low", value), row.get("floor_high", value))
