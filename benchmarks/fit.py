"""Fits of growth: straight lines and exponents. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Line(NamedTuple):
    """A line y = fixed + slope · x, and the largest relative deviation of the points from it."""

    fixed: float
    slope: float
    off: float

    def at(self, x: float) -> float:
        """Return y at x."""
        return self.fixed + self.slope * x


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """Return e of y = c · x^e by least squares on logarithms, over the larger half of `x` (3 or more)."""
    pairs = sorted(zip(x, y, strict=True))
    used = pairs[-max(3, (len(pairs) + 1) // 2) :]
    u, v = zip(*((math.log(a), math.log(max(b, 1e-9))) for a, b in used), strict=True)
    return _slope(u, v, [1.0] * len(u))


def line(x: Sequence[float], y: Sequence[float]) -> Line:
    """Return the line with the least relative squares; a negative fixed part becomes zero."""
    weights = [1 / b**2 for b in y]
    slope = _slope(x, y, weights)
    fixed = sum(w * (b - slope * a) for a, b, w in zip(x, y, weights, strict=True)) / sum(weights)
    if fixed < 0:
        ratios = [(a / b, (a / b) ** 2) for a, b in zip(x, y, strict=True)]
        fixed, slope = 0.0, sum(r for r, _ in ratios) / sum(s for _, s in ratios)
    off = max(abs(fixed + slope * a - b) / b for a, b in zip(x, y, strict=True))
    return Line(fixed, slope, off)


def _slope(x: Sequence[float], y: Sequence[float], weights: Sequence[float]) -> float:
    """Return slope and intercept of the weighted least-squares line."""
    total = sum(weights)
    mean_x = sum(w * a for w, a in zip(weights, x, strict=True)) / total
    mean_y = sum(w * b for w, b in zip(weights, y, strict=True)) / total
    spread = sum(w * (a - mean_x) ** 2 for w, a in zip(weights, x, strict=True))
    both = zip(weights, x, y, strict=True)
    return sum(w * (a - mean_x) * (b - mean_y) for w, a, b in both) / spread
