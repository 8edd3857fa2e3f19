"""Which checkpoint of a run is its best: the one whose averaged weights lose least on held-out images."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

HELDOUT = "heldout_loss"


class BestCheckpoint:
    """Sees every row of the log, as a watch that never warns; a run taken up again knows the same."""

    def __init__(self) -> None:
        self.steps: list[int] = []  # rising
        self.losses: list[float] = []

    def __call__(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Take note of a held-out loss."""
        if HELDOUT in row:
            self.steps.append(row["step"])
            self.losses.append(row[HELDOUT])
        return []

    def of(self, saved: Iterable[int]) -> int | None:
        """The step of the lowest held-out loss, measured at it or last before it; None: none was measured."""
        known = [step for step in sorted(saved) if self._before(step)]
        return min(known, key=lambda step: self.losses[self._before(step) - 1], default=None)

    def _before(self, step: int) -> int:
        """How many losses had been measured by `step`."""
        return bisect_right(self.steps, step)
