"""Density and coverage (Naeem et al. 2020): precision and recall less swayed by outliers."""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.evaluation.neighbors import ball_radii, distance_blocks

NEIGHBORS = 5


def density(real: Tensor, fake: Tensor, k: int = NEIGHBORS) -> float:
    """Mean number of real balls around a generated feature, over k; about 1 for real images."""
    return balls_around(real, fake, k).mean().item()


def balls_around(real: Tensor, fake: Tensor, k: int = NEIGHBORS) -> Tensor:
    """For each of fake [N, D]: in how many balls of real [M, D] it lies, over k; [N]."""
    radii = ball_radii(real, k)
    blocks = distance_blocks(fake, real)
    return torch.cat([(block <= radii).double().sum(dim=1) / k for block in blocks])


def coverage(real: Tensor, fake: Tensor, k: int = NEIGHBORS) -> float:
    """Share of the real balls [M, D] that hold a generated feature [N, D]."""
    weights = torch.ones(1, len(fake), dtype=torch.float64)
    return weighted_coverage(real, fake, weights, k).item()


def weighted_coverage(real: Tensor, fake: Tensor, weights: Tensor, k: int = NEIGHBORS) -> Tensor:
    """Coverage [B] by those generated images alone whose weights [B, N] are above 0."""
    radii = ball_radii(real, k)
    present = (weights > 0).double().T  # [N, B]
    held = torch.zeros(len(weights), dtype=torch.float64)
    start = 0
    for block in distance_blocks(real, fake):
        inside = block <= radii[start : start + len(block), None]
        held += (inside.double() @ present > 0).double().sum(dim=0)
        start += len(block)
    return held / len(real)
