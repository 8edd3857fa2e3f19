"""The best checkpoint of a run: the one whose averaged weights have the lowest held-out loss."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

HELDOUT_KEY = "heldout_loss"


class BestCheckpoint:
    """Held-out losses of a run, collected from the rows of its log. A watch that never warns."""

    def __init__(self) -> None:
        self.steps: list[int] = []  # ascending
        self.losses: list[float] = []

    def __call__(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Collect the held-out loss of a row, if it has one. Return no warnings."""
        if HELDOUT_KEY in row:
            self.steps.append(row["step"])
            self.losses.append(row[HELDOUT_KEY])
        return []

    def best_step(self, saved: Iterable[int]) -> int | None:
        """Return the step of `saved` with the lowest held-out loss; None if no loss was measured.

        The held-out loss of a step is the last one measured at or before it.
        """
        measured = [step for step in sorted(saved) if self._count_until(step)]
        return min(
            measured, key=lambda step: self.losses[self._count_until(step) - 1], default=None
        )

    def _count_until(self, step: int) -> int:
        """Return the number of losses measured up to `step`."""
        return bisect_right(self.steps, step)
