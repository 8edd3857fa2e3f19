"""Mean and covariance of features, accumulated in float64 batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.errors import RequestError


@dataclass(frozen=True)
class Statistics:
    """Mean [D] and unbiased covariance [D, D] of `count` feature vectors, float64."""

    count: float
    mean: Tensor
    covariance: Tensor


class RunningStatistics:
    """Running mean and covariance, independent of the batch size to 1e-10.

    Uses the pairwise update of Chan, Golub & LeVeque 1979, which never subtracts large sums.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0.0
        self.mean = torch.zeros(dimension, dtype=torch.float64, device="cpu")
        self.scatter = torch.zeros(dimension, dimension, dtype=torch.float64, device="cpu")

    def update(self, features: Tensor, weights: Tensor | None = None) -> None:
        """Add features [N, D], each counted `weights` [N] times (once each by default)."""
        x = features.double()
        w = (
            torch.ones(len(x), dtype=torch.float64, device="cpu")
            if weights is None
            else weights.double()
        )
        count = w.sum().item()
        if not count:
            return
        mean = w @ x / count
        centered = x - mean
        total = self.count + count
        delta = mean - self.mean
        self.scatter += centered.T @ (centered * w[:, None])
        self.scatter += torch.outer(delta, delta) * (self.count * count / total)
        self.mean = self.mean + delta * (count / total)
        self.count = total

    def result(self) -> Statistics:
        """Return the statistics so far. RequestError for fewer than two vectors."""
        if self.count < 2:
            raise RequestError("A covariance needs at least 2 images; give more images.")
        return Statistics(self.count, self.mean, self.scatter / (self.count - 1))


def statistics(features: Tensor, weights: Tensor | None = None) -> Statistics:
    """Return mean and covariance of features [N, D], each counted `weights` [N] times."""
    running = RunningStatistics(features.shape[1])
    for start in range(0, len(features), 4096):
        part = slice(start, start + 4096)
        running.update(features[part], None if weights is None else weights[part])
    return running.result()
