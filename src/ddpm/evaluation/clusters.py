"""Clusters of unlabeled images: k-means on self-trained features.

Lloyd's algorithm (Lloyd 1982) with the seeding of Arthur & Vassilvitskii 2007, "k-means++".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.errors import RequestError

RESTARTS = 4  # the result with the smallest spread wins
MAX_ITERATIONS = 100  # per restart
MAX_DIRECTIONS = 32  # principal directions that are compared
IMAGES_PER_DIRECTION = 20  # fewer images allow fewer directions
WHITENING_POWER = 0.75  # 0: no whitening; 1: equal variance in every direction
MIN_RELATIVE_VARIANCE = 1e-9  # of the largest; less is rounding


def kmeans(points: Tensor, k: int, seed: int = 0) -> Tensor:
    """Return k cluster centers float64 [k, D] of points [N, D], the largest cluster first.

    Deterministic in points and seed. RequestError if N < k.
    """
    if len(points) < k:
        raise RequestError(
            f"{k} clusters need at least {k} images, not {len(points)}; choose fewer in data.labels."
        )
    points, generator = points.double(), torch.Generator().manual_seed(seed)
    results = [_lloyd(points, _plus_plus_start(points, k, generator)) for _ in range(RESTARTS)]
    spreads = [float(_squared_distances(points, centers).amin(dim=1).sum()) for centers in results]
    centers = results[spreads.index(min(spreads))]
    sizes = torch.bincount(assign_clusters(points, centers), minlength=k)
    return centers[sizes.argsort(descending=True, stable=True)]


def assign_clusters(points: Tensor, centers: Tensor) -> Tensor:
    """Return the index of the nearest of centers [k, D] for each of points [N, D], int64 [N]."""
    return _squared_distances(points.double(), centers).argmin(dim=1)


def _plus_plus_start(points: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """Choose k points by k-means++: each with probability proportional to its squared distance."""
    chosen = [int(torch.randint(len(points), (1,), generator=generator, device="cpu"))]
    for _ in range(k - 1):
        nearest = _squared_distances(points, points[chosen]).amin(dim=1)
        if nearest.sum() == 0:  # all points are centers
            nearest = torch.ones_like(nearest)
        chosen.append(int(torch.multinomial(nearest, 1, generator=generator)))
    return points[chosen]


def _lloyd(points: Tensor, centers: Tensor) -> Tensor:
    """Alternate assignments and means until the assignments stay the same.

    The center of an empty cluster moves to the point that is farthest from its own center.
    """
    assigned = None
    for _ in range(MAX_ITERATIONS):
        squares = _squared_distances(points, centers)
        nearest = squares.argmin(dim=1)
        if assigned is not None and torch.equal(nearest, assigned):
            break
        assigned = nearest
        sizes = torch.bincount(assigned, minlength=len(centers))
        sums = torch.zeros_like(centers).index_add_(0, assigned, points)
        centers = sums / sizes.clamp(min=1)[:, None]
        empty = (sizes == 0).nonzero().flatten()
        centers[empty] = points[squares.amin(dim=1).topk(len(empty)).indices]
    return centers


def _squared_distances(points: Tensor, centers: Tensor) -> Tensor:
    """Return squared distances [N, k], clamped at 0."""
    cross = points @ centers.T
    squares = points.square().sum(dim=1)[:, None] - 2 * cross + centers.square().sum(dim=1)
    return squares.clamp(min=0)


@dataclass(frozen=True)
class Whitening:
    """Partial whitening of features: coordinates along principal directions, divided by σ^0.75.

    Without whitening, the direction of largest variance dominates (stroke thickness); with full
    whitening, noisy directions count as much as informative ones. With ten clusters, 83 % of the 1,797
    digits and 66 % of 5,000 MNIST digits carry the majority label of their cluster; without
    whitening it is 77 % and 50 %.
    """

    mean: Tensor  # [D]
    directions: Tensor  # [D, P], each divided by its deviation to the power WHITENING_POWER

    def __call__(self, features: Tensor) -> Tensor:
        """Map features [N, D] to coordinates [N, P], float64."""
        return (features.double() - self.mean) @ self.directions


def fit_whitening(features: Tensor) -> Whitening:
    """Fit the whitening of features [M, D]: up to 32 directions of largest variance."""
    features = features.double()
    values, vectors = torch.linalg.eigh(features.T.cov())
    rank = int((values > MIN_RELATIVE_VARIANCE * values[-1]).sum())
    count = max(1, min(MAX_DIRECTIONS, len(features) // IMAGES_PER_DIRECTION, rank))
    spread = values[-count:].clamp(min=1e-30).sqrt()
    return Whitening(features.mean(dim=0), vectors[:, -count:] / spread**WHITENING_POWER)
