"""Series of numbers over steps: read from the rows of a run, smoothed, downsampled for plots."""

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
    """Values [n] at the steps [n], both float64, without missing values."""

    steps: Floats
    values: Floats

    def __len__(self) -> int:
        return len(self.steps)


def read_series(rows: Sequence[Row], key: str, band: int | None = None) -> Series:
    """Return column `key` of the rows (entry `band` of each list in it), without null, nan and inf."""
    points = [(row["step"], _entry(row[key], band)) for row in rows if key in row]
    finite = [(step, value) for step, value in points if value is not None and math.isfinite(value)]
    steps, values = np.array(finite, np.float64).reshape(-1, 2).T
    return Series(steps, values)


def _entry(value: Any, band: int | None) -> float | None:
    if band is None:
        return value if isinstance(value, int | float) else None
    entry: float | None = value[band] if band < len(value) else None
    return entry


def running_mean(data: Series, window: int) -> Series:
    """Return the mean of the `window` (odd) values around each value.

    Near the start the window shrinks on both sides, down to a tenth on the right, so that the first fall is
    not smeared. At the end it shrinks on the right only, so that the last mean covers half a window.
    """
    count, half = len(data), window // 2
    index = np.arange(count)
    left = np.minimum(half, index)
    right = np.minimum(np.maximum(left, half // 5), count - 1 - index)
    sums = np.concatenate([[0.0], np.cumsum(data.values)])
    return Series(data.steps, (sums[index + right + 1] - sums[index - left]) / (left + right + 1))


def downsample(data: Series, buckets: int) -> Series:
    """Return at most 2·`buckets` points: minimum and maximum of each bucket, so that peaks stay."""
    if len(data) <= 2 * buckets:
        return data
    edges = np.linspace(0, len(data), buckets + 1).astype(int)
    indices: set[int] = set()
    for start, stop in itertools.pairwise(edges):
        part = data.values[start:stop]
        indices |= {int(start + part.argmin()), int(start + part.argmax())}
    chosen = sorted(indices)
    return Series(data.steps[chosen], data.values[chosen])


def smoothing_window(count: int) -> int:
    """Return the window of the running mean: an odd number of steps, 1/40 of the run, 9 to 1001."""
    return 2 * min(max(count // 80, 4), 500) + 1
