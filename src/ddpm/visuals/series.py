"""Numbers over iterations: taken from a run's rows, smoothed, thinned for drawing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = Mapping[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """`values` [n] at the iterations `steps` [n], both float64, without gaps."""

    steps: Floats
    values: Floats

    def __len__(self) -> int:
        return len(self.steps)


def read_series(rows: Sequence[Row], key: str, band: int | None = None) -> Series:
    """Column `key` of the rows that have it (of a list there, entry `band`); nulls and nan left out."""
    points = [(row["step"], _entry(row[key], band)) for row in rows if key in row]
    kept = [(step, value) for step, value in points if value is not None and math.isfinite(value)]
    steps, values = np.array(kept, np.float64).reshape(-1, 2).T
    return Series(steps, values)


def _entry(value: Any, band: int | None) -> float | None:
    if band is None:
        return value if isinstance(value, int | float) else None
    found: float | None = value[band] if band < len(value) else None
    return found


def running_mean(found: Series, window: int) -> Series:
    """The mean of `window` values (odd) around each one.

    Near the start the window shrinks on both sides, so that the first fall is not smeared, but looks
    at least a tenth of itself ahead; at the end it shrinks on the right only, so that the last value
    is still a mean of half a window.
    """
    count, half = len(found), window // 2
    at = np.arange(count)
    left = np.minimum(half, at)
    right = np.minimum(np.maximum(left, half // 5), count - 1 - at)
    sums = np.concatenate([[0.0], np.cumsum(found.values)])
    return Series(found.steps, (sums[at + right + 1] - sums[at - left]) / (left + right + 1))


def downsample(found: Series, buckets: int) -> Series:
    """At most 2·`buckets` points: the lowest and the highest of each stretch, so that no peak is lost."""
    if len(found) <= 2 * buckets:
        return found
    edges = np.linspace(0, len(found), buckets + 1).astype(int)
    kept: set[int] = set()
    for start, stop in itertools.pairwise(edges):
        part = found.values[start:stop]
        kept |= {int(start + part.argmin()), int(start + part.argmax())}
    chosen = sorted(kept)
    return Series(found.steps[chosen], found.values[chosen])


def smoothing_window(count: int) -> int:
    """Iterations to average over: a fortieth of the run; an odd number from 9 to 1001."""
    return 2 * min(max(count // 80, 4), 500) + 1
