"""Warnings of GAN training: mode collapse, and a discriminator that is too strong."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from ddpm.messages import Message, message

EARLY = 500  # steps without warnings: every generator starts with similar images
WINDOW = 100  # steps to average over


class Sign(NamedTuple):
    """A logged value, and the thresholds of its mean for a warning."""

    key: str  # in the rows
    onset: float  # warn when the mean falls below this
    recovery: float  # allow the next warning when the mean has risen above this
    code: str  # of the warning


SIGNS = (
    Sign("diversity", 0.2, 0.35, "generator_collapsed"),
    Sign("fake_score", 0.005, 0.02, "discriminator_unfooled"),
)


class CollapseWatch:
    """Callable that maps each row of metrics.jsonl to the warnings that begin there.

    It depends on the rows alone, so a resumed run repeats the same warnings. Models without a discriminator
    log none of its values.
    """

    def __init__(self) -> None:
        self.recent = {sign.key: deque[float](maxlen=WINDOW) for sign in SIGNS}
        self.active: set[str] = set()

    def __call__(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the warnings that begin at this row, each a row of step and message."""
        if row["step"] <= EARLY:
            return []
        found = [self._onset(sign, row[sign.key]) for sign in SIGNS if sign.key in row]
        return [{"step": row["step"], "warning": warning} for warning in found if warning]

    def _onset(self, sign: Sign, value: float) -> Message | None:
        """Return the warning if it begins with this value."""
        recent = self.recent[sign.key]
        recent.append(value)
        mean = sum(recent) / WINDOW
        if len(recent) < WINDOW or (mean <= sign.recovery and sign.key in self.active):
            return None
        if mean >= sign.onset:
            self.active.discard(sign.key)
            return None
        self.active.add(sign.key)
        return message(sign.code, value=mean)
