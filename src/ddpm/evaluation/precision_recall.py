"""Precision and recall by k-nearest-neighbor balls (Kynkäänniemi et al. 2019, eqs. 1 and 2)."""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.evaluation.neighbors import ball_radii, distance_blocks

NEIGHBORS = 3


def precision(real: Tensor, fake: Tensor, k: int = NEIGHBORS) -> float:
    """Return the share of features in fake [N, D] that lie in a ball around one of real [M, D]."""
    return inside_balls(fake, real, k).double().mean().item()


def recall(real: Tensor, fake: Tensor, k: int = NEIGHBORS) -> float:
    """Return the share of features in real [M, D] that lie in a ball around one of fake [N, D]."""
    return inside_balls(real, fake, k).double().mean().item()


def inside_balls(points: Tensor, centers: Tensor, k: int = NEIGHBORS) -> Tensor:
    """Return whether each of points [N, D] lies in the k-NN ball of any of centers [M, D], bool [N]."""
    radii = ball_radii(centers, k)
    blocks = distance_blocks(points, centers)
    return torch.cat([(block <= radii).any(dim=1) for block in blocks])


def weighted_recall(real: Tensor, fake: Tensor, weights: Tensor, k: int = NEIGHBORS) -> Tensor:
    """Return the recall [B] by the balls of generated images whose weights [B, N] are above 0."""
    radii = ball_radii(fake, k)
    present = (weights > 0).double().T  # [N, B]
    blocks = distance_blocks(real, fake)
    hits = sum(((block <= radii).double() @ present > 0).double().sum(dim=0) for block in blocks)
    return torch.as_tensor(hits, device="cpu") / len(real)
