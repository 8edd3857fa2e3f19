"""A watch over a GAN's training: its warnings say what went wrong and what to do about it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from ddpm.messages import Message, message

EARLY = 500  # steps that are not judged: every generator starts out with images that are alike
WINDOW = 100  # steps whose mean is looked at


class Sign(NamedTuple):
    """A measure of the log whose fall means trouble."""

    key: str  # in the rows
    onset: float  # the mean of a window below which there is trouble
    over: float  # the mean above which it has passed, so that the next onset is reported again
    code: str  # of the warning


SIGNS = (
    Sign("diversity", 0.2, 0.35, "generator_collapsed"),
    Sign("fake_score", 0.005, 0.02, "discriminator_unfooled"),
)


class CollapseWatch:
    """From the rows of metrics.jsonl to warnings, one at each onset.

    It knows nothing but the rows, in order: a log that is taken up again gives the same warnings. Rows
    of a model without a discriminator hold none of its signs.
    """

    def __init__(self) -> None:
        self.recent = {sign.key: deque[float](maxlen=WINDOW) for sign in SIGNS}
        self.troubled: set[str] = set()

    def __call__(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the warnings that begin at this row, each a row of step and message."""
        if row["step"] <= EARLY:
            return []
        found = [self._onset(sign, row[sign.key]) for sign in SIGNS if sign.key in row]
        return [{"step": row["step"], "warning": warning} for warning in found if warning]

    def _onset(self, sign: Sign, value: float) -> Message | None:
        """Return the warning if the trouble begins with this value."""
        recent = self.recent[sign.key]
        recent.append(value)
        mean = sum(recent) / WINDOW
        if len(recent) < WINDOW or (mean <= sign.over and sign.key in self.troubled):
            return None
        if mean >= sign.onset:
            self.troubled.discard(sign.key)
            return None
        self.troubled.add(sign.key)
        return message(sign.code, value=mean)
