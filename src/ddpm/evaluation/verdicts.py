"""Which of several generators a metric prefers, and which it cannot tell apart at this n.

Each score comes with its own 95 % interval, from images of its own. The interval of a difference is
put together from the distances of the ends to the values, in quadrature: lower end
d - √((a - low_a)² + (high_b - b)²) (Newcombe 1998, method 10; Zou & Donner 2008). It takes the two
for independent. Images from the same seeds are alike if anything, which makes the difference of two
models surer than it is given here: the rule errs on the side of "not distinguishable".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

from ddpm.evaluation.protocol import require_same_protocol
from ddpm.messages import Message, message

LEVEL = 0.95
Row = Mapping[str, Any]


class Score(NamedTuple):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Score:
        """The score of `factor` times the value."""
        low, high = sorted((factor * self.low, factor * self.high))
        return Score(factor * self.value, low, high)


class Verdict(NamedTuple):
    """What was found, and the entry that is better than every other, if there is one."""

    found: Message
    winner: int | None


def sum_scores(terms: Sequence[Score], widened: float = 1.0) -> Score:
    """The sum of independent scores; its interval `widened` times as wide."""
    value = sum(term.value for term in terms)
    below = math.hypot(*(term.value - term.low for term in terms))
    above = math.hypot(*(term.high - term.value for term in terms))
    return Score(value, value - widened * below, value + widened * above)


def bonferroni_factor(entries: int) -> float:
    """By how much intervals grow so that all pairs of entries together err one time in 20.

    Bonferroni over the pairs, since the best is only known after looking: 1 for two entries.
    """
    pairs = max(1, entries * (entries - 1) // 2)
    normal = NormalDist()
    tail = (1 - LEVEL) / 2
    return normal.inv_cdf(1 - tail / pairs) / normal.inv_cdf(1 - tail)


def decide_verdict(
    scores: Mapping[int, Score], better: str, floor: Score | None, labels: Sequence[str], n: int
) -> Verdict:
    """The verdict on `scores` (entry → score) of two entries or more.

    `better`: lower, higher, or real: the nearer to the floor the better. The best is held against
    each other one; what is not above zero for sure is not distinguishable.
    """
    known = floor if better == "real" and floor is not None else Score(0.0, 0.0, 0.0)
    signed = {entry: _direction(score, better, known) for entry, score in scores.items()}
    best = min(scores, key=lambda entry: signed[entry] * (scores[entry].value - known.value))
    beaten: list[str] = []
    level: list[str] = []
    for entry in scores:
        if entry != best:
            terms = _difference((scores[entry], signed[entry]), (scores[best], signed[best]), known)
            worse = sum_scores(terms, bonferroni_factor(len(scores))).low > 0
            (beaten if worse else level).append(labels[entry])
    if not beaten:
        return Verdict(message("not_distinguishable", n=n), None)
    if level:
        found = message("better_than", label=labels[best], beaten=beaten, level=level, n=n)
        return Verdict(found, None)
    code = "best" if len(scores) > 2 else "better"
    return Verdict(message(code, label=labels[best]), best)


def _direction(score: Score, better: str, floor: Score) -> int:
    """1 or -1: times (value - floor) it is what the entry loses; the floor is 0 unless `real`."""
    if better == "real":
        return 1 if score.value >= floor.value else -1
    return 1 if better == "lower" else -1


def _difference(one: tuple[Score, int], other: tuple[Score, int], floor: Score) -> list[Score]:
    """What `one` loses more than `other`, as terms to add.

    The floor drops out where both stand on the same side of it, and counts twice otherwise.
    """
    (a, sign_a), (b, sign_b) = one, other
    return [a.times(sign_a), b.times(-sign_b), floor.times(sign_b - sign_a)]


def compare_rows(rows: Sequence[Row | None], labels: Sequence[str]) -> dict[str, Any]:
    """One metric of all entries (None where an entry lacks it), as it stands in comparison.json.

    RequestError where the rows were measured by different protocols.
    """
    found = {entry: row for entry, row in enumerate(rows) if row is not None}
    first = next(iter(found.values()))
    require_same_protocol(list(found.values()))
    scores = {entry: Score(row["value"], row["low"], row["high"]) for entry, row in found.items()}
    if len(found) > 1:
        verdict = decide_verdict(scores, first["better"], _floor(first), labels, first["n"])
    else:
        verdict = Verdict(message("measured_once", label=labels[next(iter(found))]), None)
    nothing = dict.fromkeys(Score._fields)
    return {
        "metric": first["metric"],
        "label": first["label"],
        "better": first["better"],
        "values": [
            scores[entry]._asdict() if entry in scores else nothing for entry in range(len(rows))
        ],
        "floor": first.get("floor"),
        "verdict": verdict.found,
        "winner": verdict.winner,
    }


def compare_tables(tables: Sequence[Sequence[Row]], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Every metric that any entry has, in the order of the tables' rows."""
    named = [{row["metric"]: row for row in table} for table in tables]
    metrics = dict.fromkeys(metric for table in named for metric in table)
    return [compare_rows([table.get(metric) for table in named], labels) for metric in metrics]


def _floor(row: Row) -> Score | None:
    value = row.get("floor")
    if value is None:
        return None
    return Score(value, row.get("floor_low", value), row.get("floor_high", value))
