"""Intervals by the bootstrap (Efron 1979): the images are drawn again, with repeats, many times."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

REPLICATES = 200
LEVEL = 0.95

Scale = Literal["factor", "difference"]


def bootstrap_counts(count: int, replicates: int, seed: int) -> Tensor:
    """How often each of `count` images is drawn in each replicate, float64 [replicates, count]."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(count, (replicates, count), generator=generator)
    counts = torch.zeros(replicates, count, dtype=torch.float64)
    return counts.scatter_add_(1, drawn, torch.ones_like(counts))


def interval(value: float, replicates: Tensor, scale: Scale) -> tuple[float, float]:
    """The central 95 % of the replicates [B], moved so that their median is the value.

    Repeats push a distance up (they shrink the covariance, they empty the balls); moving the
    replicates, by a factor or by a difference, takes that push out and leaves the spread.
    """
    tail = (1 - LEVEL) / 2
    probabilities = torch.tensor([tail, 0.5, 1 - tail], dtype=replicates.dtype)
    low, middle, high = replicates.quantile(probabilities).tolist()
    if scale == "factor":
        if middle <= 0:
            return value, value
        return value * low / middle, value * high / middle
    return value + low - middle, value + high - middle


def ratio_interval(
    value: float, replicates: Tensor, floor: float, floor_replicates: Tensor
) -> tuple[float, float, float]:
    """value / floor and its interval; both sides vary, independently of each other."""
    ratio = value / floor
    low, high = interval(ratio, replicates / floor_replicates, "factor")
    return ratio, low, high
