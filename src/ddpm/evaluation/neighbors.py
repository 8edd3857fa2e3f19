"""Distances between feature vectors in blocks, and the k-nearest-neighbor balls of a set."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ddpm.errors import RequestError

BLOCK = 1024
RADIUS_SLACK = 1 + 1e-9  # balls reach a hair farther, so that rounding does not decide a tie


def distance_blocks(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    """Euclidean distances of x [N, D] to y [M, D], up to 1024 rows of x at a time, float64.

    Both are centered on y first: |x|² + |y|² - 2 x·y then loses the fewest digits.
    """
    y = y.double()
    center = y.mean(dim=0)
    for part in torch.split(x, BLOCK):
        yield torch.cdist(part.double() - center, y - center, compute_mode="use_mm_for_euclid_dist")


def ball_radii(x: Tensor, k: int) -> Tensor:
    """The distance of each of x [N, D] to its k-th nearest other one, [N]."""
    if len(x) <= k:
        raise RequestError(
            f"The {k} nearest neighbors of an image need more than {k} images, not {len(x)}; "
            "give more images."
        )
    blocks = distance_blocks(x, x)  # the nearest of all is the vector itself, at distance 0
    return RADIUS_SLACK * torch.cat([block.kthvalue(k + 1, dim=1).values for block in blocks])
