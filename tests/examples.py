"""Number of examples of property tests: as written, or 20 times as many under `make search`."""

from __future__ import annotations

import os

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "deterministic")
FACTOR = 20 if PROFILE == "search" else 1


def examples(count: int) -> int:
    """Return the number of examples for a test that draws `count` of them in `make test`."""
    return count * FACTOR
