"""Distances between feature vectors in blocks, and radii of k-nearest-neighbor balls."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ddpm.errors import RequestError

BLOCK = 1024
RADIUS_SLACK = 1 + 1e-9  # so that rounding does not decide ties


def distance_blocks(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    """Yield the Euclidean distances of x [N, D] to y [M, D] in blocks of up to 1024 rows, float64.

    Both are centered on the mean of y first, which reduces rounding in |x|² + |y|² - 2 x·y.
    """
    y = y.double()
    center = y.mean(dim=0)
    for part in torch.split(x, BLOCK):
        yield torch.cdist(part.double() - center, y - center, compute_mode="use_mm_for_euclid_dist")


def ball_radii(x: Tensor, k: int) -> Tensor:
    """Return the distance of each of x [N, D] to its k-th nearest neighbor, [N]. RequestError if N <= k."""
    if len(x) <= k:
        raise RequestError(
            f"The {k} nearest neighbors of an image need more than {k} images, not {len(x)}; "
            "give more images."
        )
    blocks = distance_blocks(x, x)  # kthvalue(1) is the vector itself, at distance 0
    return RADIUS_SLACK * torch.cat([block.kthvalue(k + 1, dim=1).values for block in blocks])
