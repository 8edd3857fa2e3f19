"""Precision and recall by k-nearest-neighbor balls (Kynkäänniemi et al. 2019, eqs. 1 and 2)."""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.evaluation.neighbors import ball_radii, distance_blocks

NEIGHBORS = 3


def precision(real: Tensor, fake: Tensor, k: int = NEIGHBORS) -> float:
    """Share of the generated features [N, D] that lie in a ball around a real one [M, D]."""
    return inside_balls(fake, real, k).double().mean().item()


def recall(real: Tensor, fake: Tensor, k: int = NEIGHBORS) -> float:
    """Share of the real features [M, D] that lie in a ball around a generated one [N, D]."""
    return inside_balls(real, fake, k).double().mean().item()


def inside_balls(points: Tensor, centers: Tensor, k: int = NEIGHBORS) -> Tensor:
    """Which points [N, D] lie in the ball of any center [M, D] out to its k-th neighbor."""
    radii = ball_radii(centers, k)
    blocks = distance_blocks(points, centers)
    return torch.cat([(block <= radii).any(dim=1) for block in blocks])


def weighted_recall(real: Tensor, fake: Tensor, weights: Tensor, k: int = NEIGHBORS) -> Tensor:
    """Recall [B] by the balls of those generated images alone whose weights [B, N] are above 0."""
    radii = ball_radii(fake, k)
    present = (weights > 0).double().T  # [N, B]
    blocks = distance_blocks(real, fake)
    hits = sum(((block <= radii).double() @ present > 0).double().sum(dim=0) for block in blocks)
    return torch.as_tensor(hits) / len(real)
