"""A watch over what a training begins to know by heart: from rows of the log to warnings, one a kind.

Nothing is random in it and it knows the rows alone, so that a run which is taken up again warns of the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddpm.config import Config

SIGNIFICANT = 4.0  # standard errors of the held-out gap: by chance once in 30,000 looks
FEWEST_PAIRS = 20  # below which the standard error itself is not known well enough
COPIES = 0.1  # share of the generated images, above that of held-out ones, that are copies
MANY_PASSES = 300

ONSET = "memorization begins"
MENDS = (
    "in a new run (another --out) use more images, data.augment=0.15, network.dropout=0.1, a smaller "
    "network.channels, or stop earlier with fewer --steps"
)


class MemorizationWatch:
    """Warns when the held-out gap passes 4 standard errors, and when a tenth of the images are copies."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def __call__(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The warnings whose onset is at this row: step and sentence."""
        found = {"gap": _gap(row), "copies": _copies(row)}
        new = {kind: words for kind, words in found.items() if words and kind not in self.told}
        self.told |= set(new)
        return [
            {"step": row["step"], "warning": f"{ONSET}: {words}. What helps: {MENDS}."}
            for words in new.values()
        ]


def is_memorization(row: Mapping[str, Any]) -> bool:
    """Whether a row of the log is such a warning."""
    return str(row.get("warning", "")).startswith(ONSET)


def _gap(row: Mapping[str, Any]) -> str:
    if row.get("heldout_gap_pairs", 0) < FEWEST_PAIRS or row["heldout_gap_z"] < SIGNIFICANT:
        return ""
    return (
        f"the loss on held-out images is {row['heldout_gap']:.0%} above that on as many training images "
        f"({row['heldout_gap_z']:.1f} standard errors)"
    )


def _copies(row: Mapping[str, Any]) -> str:
    if "copies" not in row or row["copies"] - (row.get("copies_heldout") or 0.0) < COPIES:
        return ""
    return (
        f"{row['copies']:.0%} of the images drawn are copies of training images (less than a third as far "
        "from the nearest as from the second nearest)"
    )


def expects_copies(config: Config, passes: float) -> bool:
    """Return whether training for `passes` epochs is likely to reproduce training images.

    A mirrored image counts as another one; dropout and stronger augmentation prevent it.
    """
    data = config.data
    prevented = config.network.dropout or data.shift or data.crop or data.augment
    return not prevented and passes > MANY_PASSES * (2 if data.flip else 1)
