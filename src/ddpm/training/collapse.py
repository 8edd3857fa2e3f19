"""A watch over a GAN's training: its warnings say what went wrong and what to do about it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

EARLY = 500  # steps that are not judged: every generator starts out with images that are alike
WINDOW = 100  # steps whose mean is looked at


class Sign(NamedTuple):
    """A measure of the log whose fall means trouble."""

    key: str  # in the rows
    onset: float  # the mean of a window below which there is trouble
    over: float  # the mean above which it has passed, so that the next onset is told again
    sentence: str  # with a place for the mean


SIGNS = (
    Sign(
        "diversity",
        0.2,
        0.35,
        "the generated images are nearly copies of one another (their diversity is {:.0%} of the real "
        "images'): the generator has collapsed. Where it does not recover, train again with a lower "
        "training.learning_rate, or a larger training.batch_size, and another --out.",
    ),
    Sign(
        "fake_score",
        0.005,
        0.02,
        "the discriminator is never fooled (it takes generated images for real with {:.2%}), so the "
        "generator hardly learns from it. Where it lasts, train again with gan.label_smoothing=0.2, a "
        "lower training.learning_rate or more images, and another --out.",
    ),
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
        """The warnings whose onset is at this row: step and sentence."""
        if row["step"] <= EARLY:
            return []
        found = [self._told(sign, row[sign.key]) for sign in SIGNS if sign.key in row]
        return [{"step": row["step"], "warning": words} for words in found if words]

    def _told(self, sign: Sign, value: float) -> str:
        """The sentence where trouble begins with this value, else nothing."""
        recent = self.recent[sign.key]
        recent.append(value)
        mean = sum(recent) / WINDOW
        if len(recent) < WINDOW or (mean <= sign.over and sign.key in self.troubled):
            return ""
        if mean >= sign.onset:
            self.troubled.discard(sign.key)
            return ""
        self.troubled.add(sign.key)
        return sign.sentence.format(mean)
