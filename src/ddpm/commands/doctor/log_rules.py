"""Rules on a run's log: failed steps, rising losses, mode collapse, memorization."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ddpm.commands.doctor.case import Case, Finding
from ddpm.messages import FIXES, message, sentence
from ddpm.training.collapse import CollapseWatch
from ddpm.training.memorization import MIN_PAIRS, is_memorization

Rows = Sequence[Mapping[str, Any]]
PARTS = 10  # a log is split into this many parts, whose means are compared
MIN_HELDOUT_LOSSES = 8  # for a finding
DIVERGENCE_RATIO = 1.5  # last mean over the lowest mean
HELDOUT_RISE_RATIO = 1.05  # last held-out loss over the lowest one


class Trend(NamedTuple):
    """Mean of the last part of a log, and the lowest earlier mean with its step."""

    last: float
    lowest: float
    lowest_step: int


def non_finite_value(case: Case) -> Finding | None:
    """Find a step that ended in a NaN or an infinity. The log holds it as the warning of the recovery."""
    for row in case.rows:
        warning = row.get("warning", {})
        fault = warning.get("fault")
        if isinstance(fault, Mapping) and str(fault.get("code")).startswith("not_finite"):
            return Finding(
                "note",
                f"{sentence(warning)}.",
                _lower_rate(case),
                "The highest stable learning rate is below the configured one.",
            )
    return None


def divergence(case: Case) -> Finding | None:
    if case.config.student.drift:  # its last steps have another loss
        return None
    losses = trend(case.rows, "loss")
    if losses is None or losses.last <= DIVERGENCE_RATIO * losses.lowest:
        return None
    return Finding(
        "serious",
        f"The loss rises: {losses.lowest:.3g} around step {losses.lowest_step}, {losses.last:.3g} in the "
        "last tenth of the log.",
        _lower_rate(case),
        "The optimizer's steps are too large for the network to keep what it has learned.",
    )


def collapse(case: Case) -> Finding | None:
    watch, warning = CollapseWatch(), message("text", text="")
    for row in case.rows:
        warning = next((found["warning"] for found in watch(row)), warning)
    if not watch.active:
        return None
    words = sentence(warning)
    return Finding(
        "serious",
        f"{words[:1].upper()}{words[1:]}.",
        FIXES[warning["code"]],
        "This lasts until the end of the log.",
    )


def memorization(case: Case) -> Finding | None:
    """Find a memorization warning in the log, or a held-out loss that rises to the end.

    The memorization check during training is more precise than the held-out loss. The held-out loss is used
    only if it has at least `MIN_PAIRS` images and that check did not compare as many near the end.
    """
    onset = next((row for row in case.rows if is_memorization(row)), None)
    if onset is not None:
        words, fix = sentence(onset["warning"]), FIXES[onset["warning"]["code"]]
        return _memorization_finding(onset["step"], f"At step {onset['step']} {words}.", fix)
    if case.config.student.drift:  # the held-out loss is that of the jumps
        return None
    values = [(row["heldout_loss"], row["step"]) for row in case.rows if "heldout_loss" in row]
    if len(values) < MIN_HELDOUT_LOSSES or case.data.get("held_out", 0) < MIN_PAIRS:
        return None
    last, (lowest, step) = sum(v for v, _ in values[-2:]) / 2, min(values)
    late_step = 0.8 * values[-1][1]
    if last <= HELDOUT_RISE_RATIO * lowest or step > late_step:
        return None
    checks = (row for row in case.rows if row.get("heldout_gap_pairs", 0) >= MIN_PAIRS)
    if any(row["step"] > late_step for row in checks):
        return None
    return _memorization_finding(
        step, f"The held-out loss has risen by {last / lowest - 1:.0%} since step {step}."
    )


def _memorization_finding(step: int, words: str, fix: str = "") -> Finding:
    return Finding(
        "serious",
        words,
        fix
        or f"train again with --steps {step}; or with --set network.dropout=0.1, or more images",
        "From that step on the network memorizes its training images and generates copies of them.",
    )


def discriminator_memorization(case: Case) -> Finding | None:
    if case.is_diffusion:
        return None
    real, heldout = (
        trend(case.rows, "real_score"),
        trend(case.rows, "heldout_real_score", MIN_HELDOUT_LOSSES),
    )
    if real is None or heldout is None or heldout.last >= 0.5 * real.last:
        return None
    return Finding(
        "note",
        f"The discriminator scores held-out images {heldout.last:.0%} real, training images "
        f"{real.last:.0%}.",
        "fewer steps, --set data.flip=true for faces, or more images",
        "It has memorized its training images, so the generator is pushed to copy them.",
    )


def trend(rows: Rows, key: str, fewest: int = 100) -> Trend | None:
    """Return how the mean of `key` changes over the log; None with fewer than `fewest` values."""
    values = [(row["step"], row[key]) for row in rows if isinstance(row.get(key), int | float)]
    if len(values) < fewest:
        return None
    edges = [len(values) * part // PARTS for part in range(PARTS + 1)]
    parts = [values[start:end] for start, end in itertools.pairwise(edges) if end > start]
    means = [(sum(v for _, v in part) / len(part), part[len(part) // 2][0]) for part in parts]
    lowest, step = min(means[:-1])
    return Trend(means[-1][0], lowest, step)


def _lower_rate(case: Case) -> str:
    rate = case.training.learning_rate / 3
    return f"train again with --set training.learning_rate={rate:.2g} and another --out"
