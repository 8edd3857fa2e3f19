"""Time to the quality of a peer: the crossing of a falling curve, and the tables of `time_to_quality`."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from benchmarks import machine
from benchmarks.machine import Result
from benchmarks.results import markdown

Point = tuple[float, float]  # seconds, distance


def crossing(points: Sequence[Point], target: float) -> float | None:
    """Return the seconds at which the distance first falls to `target`, interpolated between logarithms.

    None if it never does. If the shortest run is already good enough, return its seconds, an upper bound.
    """
    ordered = sorted(points)
    if not ordered or min(distance for _, distance in ordered) > target:
        return None
    if ordered[0][1] <= target:
        return ordered[0][0]
    for (t0, d0), (t1, d1) in pairwise(ordered):
        if d1 <= target:
            share = math.log(d0 / target) / math.log(d0 / d1)
            return math.exp(math.log(t0) + share * math.log(t1 / t0))
    return None


def speedups(result: Result) -> list[Result]:
    """Return for each peer and snapshot its score, and for each seed the time at which ours reached it."""
    curves: dict[int, list[Point]] = {}
    for run in result["ours"]:
        curves.setdefault(run["seed"], []).append((run["wall"], run["score"]["fd"]))
    found = []
    for snapshot in result["peers"]:
        target = snapshot["score"]["fd"]
        needed = [crossing(points, target) for _, points in sorted(curves.items())]
        found.append({**snapshot, "needed": needed})
    return found


def table(result: Result) -> str:
    """Return three tables: the peers and when ours reached them, our runs, and the conditions."""
    lines = [_peers(result), "", _ours(result), ""]
    lines += [
        f"Digits of MNIST, FD-digits at n={result['n']} against the training images. The peers' minutes "
        "are training alone; our seconds are the whole of `ddpm train`, from the command to its pictures. "
        "The peers compute in fp32, the default of their scripts; ours as shipped, in bf16 where the "
        "processor has it.",
        machine.line(result["machine"]),
        _origins(result),
    ]
    return "\n".join(lines)


def _origins(result: Result) -> str:
    """Return the commits at which the pieces began."""
    pieces = [*result["peers"], *result["ours"]]
    commits = Counter(piece.get("machine", {}).get("commit", "not noted") for piece in pieces)
    return f"Pieces by commit: {', '.join(f'{commit} ({n})' for commit, n in commits.items())}."


def _peers(result: Result) -> str:
    header = (
        "peer", "trained, min", "steps", "FD-digits", "floor", "sure > 0.9",
        "ours needs, s (each seed)", "times sooner (worst seed)",
    )  # fmt: skip
    rows = []
    for found in speedups(result):
        needed, score = found["needed"], found["score"]
        missed = not needed or None in needed
        seconds = ", ".join("never" if s is None else f"{s:.0f}" for s in needed)
        ratio = "" if missed else f"**{60 * found['minutes'] / max(needed):.1f}**"
        rows.append([
            found["peer"], f"{found['minutes']:g}", f"{found['steps']:,}", f"{score['fd']:.1f}",
            f"{score['floor']:.2f}", f"{score['confident']:.1%}", seconds, ratio,
        ])  # fmt: skip
    return markdown(header, rows)


def _ours(result: Result) -> str:
    header = (
        "ours, budget, s", "seeds", "wall, s", "training, s", "steps", "FD-digits (each seed)",
        "ratio to the floor", "sure > 0.9", "class balance, nats",
    )  # fmt: skip
    rows = []
    for budget in sorted({run["budget"] for run in result["ours"]}):
        runs = [run for run in result["ours"] if run["budget"] == budget]
        scores = [run["score"] for run in runs]

        def middle(key: str, among: list[Result]) -> float:
            return float(statistics.median(one[key] for one in among))

        rows.append([
            f"{budget:g}", str(len(runs)), f"{middle('wall', runs):.0f}",
            f"{middle('training', runs):.0f}", f"{middle('steps', runs):,.0f}",
            ", ".join(f"{score['fd']:.1f}" for score in scores),
            f"{middle('fd', scores) / middle('floor', scores):.1f}",
            f"{middle('confident', scores):.1%}", f"{middle('balance', scores):.3f}",
        ])  # fmt: skip
    return markdown(header, rows)
