"""Warnings of memorization, computed from the rows of the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddpm.config import Config
from ddpm.messages import Message, message

GAP_Z_THRESHOLD = 4.0  # standard errors above zero; by chance once in 30,000 measurements
MIN_PAIRS = 20  # for a reliable standard error
COPIES_THRESHOLD = 0.1  # share of copies among generated images, minus that among held-out images
COPIES_AFTER_EPOCHS = 300  # copies are likely after more epochs

WARNING_CODES = ("memorization_gap", "memorization_copies")  # of the warnings


class MemorizationWatch:
    """Callable that warns once when the held-out gap is significant, and once when copies appear.

    It depends on the rows alone, so a resumed run repeats the same warnings.
    """

    def __init__(self) -> None:
        self.reported: set[str] = set()

    def __call__(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the warnings that begin at this row, each a row of step and message."""
        found = [warning for warning in (_gap_warning(row), _copies_warning(row)) if warning]
        new = [warning for warning in found if warning["code"] not in self.reported]
        self.reported |= {warning["code"] for warning in new}
        return [{"step": row["step"], "warning": warning} for warning in new]


def is_memorization(row: Mapping[str, Any]) -> bool:
    """Return whether a row of the log is a warning of memorization."""
    return "warning" in row and row["warning"].get("code") in WARNING_CODES


def _gap_warning(row: Mapping[str, Any]) -> Message | None:
    if row.get("heldout_gap_pairs", 0) < MIN_PAIRS or row["heldout_gap_z"] < GAP_Z_THRESHOLD:
        return None
    return message("memorization_gap", gap=row["heldout_gap"], errors=row["heldout_gap_z"])


def _copies_warning(row: Mapping[str, Any]) -> Message | None:
    if "copies" not in row or row["copies"] - (row.get("copies_heldout") or 0.0) < COPIES_THRESHOLD:
        return None
    return message("memorization_copies", share=row["copies"])


def expects_copies(config: Config, epochs: float) -> bool:
    """Return whether training for so many epochs is likely to reproduce training images.

    Flips double the number of images. Dropout and stronger augmentation prevent copies.
    """
    data = config.data
    prevented = config.network.dropout or data.shift or data.crop or data.augment
    return not prevented and epochs > COPIES_AFTER_EPOCHS * (2 if data.flip else 1)
