"""Rules on a run's log: losses that rise or end, a generator that collapses, images learned by heart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ddpm.commands.doctor.case import Case, Finding
from ddpm.messages import FIXES, message, sentence
from ddpm.training.collapse import CollapseWatch
from ddpm.training.memorization import FEWEST_PAIRS, is_memorization

Rows = Sequence[Mapping[str, Any]]
PARTS = 10  # of a log, whose means are compared
FEWEST = 8  # held-out losses that say anything
RISEN = 1.5  # of the lowest mean: the loss has left where it was
GAP = 1.05  # of the lowest held-out loss


class Trend(NamedTuple):
    """The last of the means of a log's parts, and the lowest one before it with its step."""

    last: float
    lowest: float
    lowest_step: int


def numbers_lost(case: Case) -> Finding | None:
    """A NaN or an infinity in the log."""
    for row in case.rows:
        for name, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                return Finding(
                    "serious",
                    f"The {name.replace('_', ' ')} became {value} at step {row['step']}.",
                    _slower(case),
                    "No weight is of use from there on.",
                )
    return None


def divergence(case: Case) -> Finding | None:
    losses = trend(case.rows, "loss")
    if losses is None or losses.last <= RISEN * losses.lowest:
        return None
    return Finding(
        "serious",
        f"The loss rises: {losses.last:.3g} in the last tenth, {losses.lowest:.3g} around step "
        f"{losses.lowest_step}.",
        _slower(case),
        "The steps are too large for the network to stay where it has learned to be.",
    )


def collapse(case: Case) -> Finding | None:
    watch, warning = CollapseWatch(), message("text", text="")
    for row in case.rows:
        warning = next((found["warning"] for found in watch(row)), warning)
    if not watch.troubled:
        return None
    words = sentence(warning)
    return Finding(
        "serious",
        f"{words[:1].upper()}{words[1:]}.",
        FIXES[warning["code"]],
        "It was so at the last step of the log.",
    )


def memorization(case: Case) -> Finding | None:
    """The watch of the training has warned, or the held-out loss turns upwards for good.

    That loss is asked only where it is of `FEWEST_PAIRS` images or more, and where the watch has not looked
    at as many near the end: it compares them with training images, and knows its error.
    """
    onset = next((row for row in case.rows if is_memorization(row)), None)
    if onset is not None:
        words, fix = sentence(onset["warning"]), FIXES[onset["warning"]["code"]]
        return _by_heart(onset["step"], f"At step {onset['step']} {words}.", fix)
    values = [(row["heldout_loss"], row["step"]) for row in case.rows if "heldout_loss" in row]
    if len(values) < FEWEST or case.data.get("held_out", 0) < FEWEST_PAIRS:
        return None
    last, (lowest, step) = sum(v for v, _ in values[-2:]) / 2, min(values)
    late = 0.8 * values[-1][1]
    if last <= GAP * lowest or step > late:
        return None
    looks = (row for row in case.rows if row.get("heldout_gap_pairs", 0) >= FEWEST_PAIRS)
    if any(row["step"] > late for row in looks):
        return None
    return _by_heart(
        step, f"The held-out loss has risen by {last / lowest - 1:.0%} since step {step}."
    )


def _by_heart(step: int, words: str, mend: str = "") -> Finding:
    return Finding(
        "serious",
        words,
        mend
        or f"train again with --steps {step}; or with --set network.dropout=0.1, or more images",
        "From there on the network learns its training images by heart, and draws copies of them.",
    )


def known_by_heart(case: Case) -> Finding | None:
    if case.diffusion:
        return None
    real, heldout = trend(case.rows, "real_score"), trend(case.rows, "heldout_real_score", FEWEST)
    if real is None or heldout is None or heldout.last >= 0.5 * real.last:
        return None
    return Finding(
        "note",
        f"The discriminator takes held-out images for real with {heldout.last:.0%}, training images with "
        f"{real.last:.0%}.",
        "fewer steps, --set data.flip=true for faces, or more images",
        "It knows its training images by heart, so the generator is pushed to copy them.",
    )


def trend(rows: Rows, key: str, fewest: int = 100) -> Trend | None:
    """How the mean of `key` went over the log; None where it has fewer than `fewest` values."""
    values = [(row["step"], row[key]) for row in rows if isinstance(row.get(key), int | float)]
    if len(values) < fewest:
        return None
    edges = [len(values) * part // PARTS for part in range(PARTS + 1)]
    parts = [values[start:end] for start, end in itertools.pairwise(edges) if end > start]
    means = [(sum(v for _, v in part) / len(part), part[len(part) // 2][0]) for part in parts]
    lowest, step = min(means[:-1])
    return Trend(means[-1][0], lowest, step)


def _slower(case: Case) -> str:
    rate = case.training.learning_rate / 3
    return f"train again with --set training.learning_rate={rate:.2g} and another --out"
