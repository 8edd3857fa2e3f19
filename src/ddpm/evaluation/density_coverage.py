"""Density and coverage (Naeem et al. 2020): precision and recall that are robust to outliers."""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.evaluation.neighbors import ball_radii, distance_blocks

NEIGHBORS = 5


def density(real: Tensor, fake: Tensor, k: int = NEIGHBORS) -> float:
    """Return the mean number of real balls that hold a generated feature, over k; near 1 for real images."""
    return balls_around(real, fake, k).mean().item()


def balls_around(real: Tensor, fake: Tensor, k: int = NEIGHBORS) -> Tensor:
    """Return the number of k-NN balls of real [M, D] that hold each of fake [N, D], divided by k, [N]."""
    radii = ball_radii(real, k)
    blocks = distance_blocks(fake, real)
    return torch.cat([(block <= radii).double().sum(dim=1) / k for block in blocks])


def coverage(real: Tensor, fake: Tensor, k: int = NEIGHBORS) -> float:
    """Return the share of k-NN balls of real [M, D] that hold a feature of fake [N, D]."""
    weights = torch.ones(1, len(fake), dtype=torch.float64, device="cpu")
    return weighted_coverage(real, fake, weights, k).item()


def weighted_coverage(real: Tensor, fake: Tensor, weights: Tensor, k: int = NEIGHBORS) -> Tensor:
    """Return the coverage [B] by the generated images whose weights [B, N] are above 0."""
    radii = ball_radii(real, k)
    present = (weights > 0).double().T  # [N, B]
    hits = torch.zeros(len(weights), dtype=torch.float64, device="cpu")
    start = 0
    for block in distance_blocks(real, fake):
        inside = block <= radii[start : start + len(block), None]
        hits += (inside.double() @ present > 0).double().sum(dim=0)
        start += len(block)
    return hits / len(real)
