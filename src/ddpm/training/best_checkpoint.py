"""The best checkpoint of a run: the one whose averaged weights have the lowest held-out loss."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

HELDOUT = "heldout_loss"


class BestCheckpoint:
    """Collects held-out losses from the rows of the log. It is a watch that never warns."""

    def __init__(self) -> None:
        self.steps: list[int] = []  # ascending
        self.losses: list[float] = []

    def __call__(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Collect the held-out loss of a row, if it has one."""
        if HELDOUT in row:
            self.steps.append(row["step"])
            self.losses.append(row[HELDOUT])
        return []

    def best_step(self, saved: Iterable[int]) -> int | None:
        """Return the saved step with the lowest held-out loss, which may be measured up to that step.

        None if no loss was measured.
        """
        measured = [step for step in sorted(saved) if self._count_until(step)]
        return min(
            measured, key=lambda step: self.losses[self._count_until(step) - 1], default=None
        )

    def _count_until(self, step: int) -> int:
        """Return the number of losses measured up to `step`."""
        return bisect_right(self.steps, step)
