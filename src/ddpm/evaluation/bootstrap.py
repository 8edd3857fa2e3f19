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


def center_on(value: float, replicates: Tensor, scale: Scale) -> Tensor:
    """The replicates [B] moved so that their median is the value.

    Repeats push a distance up (they shrink the covariance, they empty the balls); moving the
    replicates, by a factor or by a difference, takes that push out and leaves the spread.
    """
    middle = replicates.quantile(0.5)
    if scale == "difference":
        return replicates + (value - middle)
    if middle <= 0:
        return torch.full_like(replicates, value)
    return replicates * (value / middle)


def central_interval(replicates: Tensor) -> tuple[float, float]:
    """The ends of the central 95 % of the replicates [B]."""
    tail = (1 - LEVEL) / 2
    low, high = replicates.quantile(torch.tensor([tail, 1 - tail], dtype=replicates.dtype)).tolist()
    return low, high


def bootstrap_interval(value: float, replicates: Tensor, scale: Scale) -> tuple[float, float]:
    """The central 95 % of the centered replicates."""
    return central_interval(center_on(value, replicates, scale))


def ratio_interval(values: Tensor, floors: Tensor) -> tuple[float, float]:
    """The central 95 % of values [A] over floors [B]: both vary, independently of each other."""
    return central_interval((values[:, None] / floors).flatten())
