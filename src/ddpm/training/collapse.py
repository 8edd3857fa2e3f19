"""Warnings of GAN training: mode collapse, and a discriminator that is too strong."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from ddpm.messages import Message, message

GRACE_STEPS = 500  # steps without warnings: every generator starts with similar images
WINDOW = 100  # steps to average over


class Symptom(NamedTuple):
    """A logged value that gives a warning if its mean is too low."""

    key: str  # in the rows
    onset: float  # warn when the mean falls below this
    recovery: float  # allow another warning after the mean has risen above this
    code: str  # of the warning


SYMPTOMS = (
    Symptom("diversity", 0.2, 0.35, "generator_collapsed"),
    Symptom("fake_score", 0.005, 0.02, "discriminator_unfooled"),
)


class CollapseWatch:
    """Callable that maps each row of metrics.jsonl to the warnings that begin there.

    It depends on the rows alone, so a resumed run repeats the same warnings. Models without a discriminator
    log none of its values.
    """

    def __init__(self) -> None:
        self.recent = {symptom.key: deque[float](maxlen=WINDOW) for symptom in SYMPTOMS}
        self.active: set[str] = set()

    def __call__(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the warnings that begin at this row, each a row of step and message."""
        if row["step"] <= GRACE_STEPS:
            return []
        found = [
            self._onset(symptom, row[symptom.key]) for symptom in SYMPTOMS if symptom.key in row
        ]
        return [{"step": row["step"], "warning": warning} for warning in found if warning]

    def _onset(self, symptom: Symptom, value: float) -> Message | None:
        """Return the warning if it begins with this value."""
        recent = self.recent[symptom.key]
        recent.append(value)
        mean = sum(recent) / WINDOW
        if len(recent) < WINDOW or (mean <= symptom.recovery and symptom.key in self.active):
            return None
        if mean >= symptom.onset:
            self.active.discard(symptom.key)
            return None
        self.active.add(symptom.key)
        return message(symptom.code, value=mean)
