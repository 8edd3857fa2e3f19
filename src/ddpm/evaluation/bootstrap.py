"""Bootstrap intervals (Efron 1979): the images are resampled with replacement many times."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

REPLICATES = 200
CONFIDENCE_LEVEL = 0.95  # of every interval

Scale = Literal["factor", "difference"]


def bootstrap_counts(count: int, replicates: int, seed: int) -> Tensor:
    """Return how often each of `count` images occurs in each resample, float64 [replicates, count]."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(count, (replicates, count), generator=generator, device="cpu")
    counts = torch.zeros(replicates, count, dtype=torch.float64, device="cpu")
    return counts.scatter_add_(1, drawn, torch.ones_like(counts))


def center_on(value: float, replicates: Tensor, scale: Scale) -> Tensor:
    """Return the replicates [B], scaled or shifted so that their median is `value`.

    Repeated images bias a distance upward (they shrink the covariance and empty the k-NN balls).
    Centering by a factor or a difference removes that bias and keeps the spread.
    """
    middle = replicates.quantile(0.5)
    if scale == "difference":
        return replicates + (value - middle)
    if middle <= 0:
        return torch.full_like(replicates, value)
    return replicates * (value / middle)


def central_interval(replicates: Tensor) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % quantiles of the replicates [B]."""
    tail = (1 - CONFIDENCE_LEVEL) / 2
    low, high = replicates.quantile(
        torch.tensor([tail, 1 - tail], dtype=replicates.dtype, device="cpu")
    ).tolist()
    return low, high


def bootstrap_interval(value: float, replicates: Tensor, scale: Scale) -> tuple[float, float]:
    """Return the 95 % interval of `value` from its replicates [B], centered on it."""
    return central_interval(center_on(value, replicates, scale))


def ratio_interval(values: Tensor, floors: Tensor) -> tuple[float, float]:
    """Return the 95 % interval of values [A] over floors [B], taken as independent."""
    return central_interval((values[:, None] / floors).flatten())
