"""A watch over what a training begins to know by heart: from rows of the log to warnings, one a kind.

Nothing is random in it and it knows the rows alone, so that a run which is taken up again warns of the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddpm.config import Config
from ddpm.messages import Message, message

SIGNIFICANT = 4.0  # standard errors of the held-out gap: by chance once in 30,000 looks
FEWEST_PAIRS = 20  # below which the standard error itself is not known well enough
COPIES = 0.1  # share of the generated images, above that of held-out ones, that are copies
MANY_PASSES = 300

CODES = ("memorization_gap", "memorization_copies")  # of the warnings


class MemorizationWatch:
    """Warns when the held-out gap passes 4 standard errors, and when a tenth of the images are copies."""

    def __init__(self) -> None:
        self.given: set[str] = set()

    def __call__(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the warnings that begin at this row, each a row of step and message."""
        found = [warning for warning in (_gap_warning(row), _copies_warning(row)) if warning]
        new = [warning for warning in found if warning["code"] not in self.given]
        self.given |= {warning["code"] for warning in new}
        return [{"step": row["step"], "warning": warning} for warning in new]


def is_memorization(row: Mapping[str, Any]) -> bool:
    """Return whether a row of the log is a warning of memorization."""
    return "warning" in row and row["warning"].get("code") in CODES


def _gap_warning(row: Mapping[str, Any]) -> Message | None:
    if row.get("heldout_gap_pairs", 0) < FEWEST_PAIRS or row["heldout_gap_z"] < SIGNIFICANT:
        return None
    return message("memorization_gap", gap=row["heldout_gap"], errors=row["heldout_gap_z"])


def _copies_warning(row: Mapping[str, Any]) -> Message | None:
    if "copies" not in row or row["copies"] - (row.get("copies_heldout") or 0.0) < COPIES:
        return None
    return message("memorization_copies", share=row["copies"])


def expects_copies(config: Config, passes: float) -> bool:
    """Return whether training for `passes` epochs is likely to reproduce training images.

    A mirrored image counts as another one; dropout and stronger augmentation prevent it.
    """
    data = config.data
    prevented = config.network.dropout or data.shift or data.crop or data.augment
    return not prevented and passes > MANY_PASSES * (2 if data.flip else 1)
