"""Detection of generated images that copy training images, by the ratio test d1/d2 < 1/3.

d1 and d2 are the distances to the nearest and the second-nearest training image (Yoon et al. 2023,
"Diffusion probabilistic models generalize when they fail to memorize").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ddpm.errors import RequestError

RATIO_THRESHOLD = 1 / 3
MAX_SIDE = 32  # pixels; larger images are averaged down
BLOCK = 8192  # reference vectors converted to float at once
QUERIES = 512  # images compared in float64 at once: 100 MB at 32x32 in color


@dataclass(frozen=True)
class NearestTwo:
    """The two nearest reference images of each of N images: indices [N, 2] and distances [N, 2]."""

    index: Tensor
    distance: Tensor

    @property
    def flagged(self) -> Tensor:
        """Images that fail the ratio test, bool [N]. Exact copies always do, even of duplicate images."""
        first, second = self.distance.unbind(dim=1)
        return (first == 0) | (first < RATIO_THRESHOLD * second)


def nearest_two(x: Tensor, reference: Tensor) -> NearestTwo:
    """Find the two nearest of reference [M, D] for each of x [N, D], by Euclidean distance.

    Candidates are found with matrix products, then measured in float64. RequestError if M < 2.
    """
    if len(reference) < 2:
        raise RequestError("Copy detection needs at least 2 reference images; give more images.")
    candidates = _candidates(x, reference, min(8, len(reference)))
    pairs = zip(torch.split(x, QUERIES), torch.split(candidates, QUERIES), strict=True)
    squares = [
        (part.double()[:, None] - reference[near]).square().sum(dim=2) for part, near in pairs
    ]
    exact = torch.cat(squares).sqrt()
    distance, order = exact.sort(dim=1, stable=True)
    return NearestTwo(candidates.gather(1, order)[:, :2], distance[:, :2])


def _candidates(x: Tensor, reference: Tensor, k: int) -> Tensor:
    best = torch.empty(len(x), 0, dtype=torch.float32, device="cpu")
    index = torch.empty(len(x), 0, dtype=torch.long, device="cpu")
    queries = x.float()
    for start in range(0, len(reference), BLOCK):
        part = reference[start : start + BLOCK].float()
        squared = part.square().sum(dim=1) - 2 * queries @ part.T  # |x - r|² - |x|²
        found = squared.topk(min(k, len(part)), dim=1, largest=False)
        best = torch.cat([best, found.values], dim=1)
        index = torch.cat([index, found.indices + start], dim=1)
        best, order = best.topk(min(k, best.shape[1]), dim=1, largest=False)
        index = index.gather(1, order)
    return index


def pixel_vectors(images: Tensor) -> Tensor:
    """Flatten images uint8 [N, C, H, W] to uint8 [N, D]; sides above 32 pixels are averaged down."""
    factor = -(-max(images.shape[2:]) // MAX_SIDE)
    if factor == 1:
        return images.flatten(1)
    parts = [
        F.avg_pool2d(part.float(), factor).round().byte() for part in torch.split(images, 1024)
    ]
    return torch.cat(parts).flatten(1)


class CopyRates(NamedTuple):
    """Shares of copies among N generated images; None if too few images are held out."""

    share: float  # flagged generated images
    heldout_share: float | None  # flagged held-out images: the rate without any copying
    ratio: float | None  # mean distance to the nearest training image over that to held-out images


def copy_rates(generated: Tensor, training: Tensor, heldout: Tensor) -> CopyRates:
    """Return the copy rates from vectors [N, D], [M, D] and [K, D].

    The distance ratio compares equal counts: K evenly spaced training images and the K held-out ones.
    RequestError if M < 2.
    """
    share = float(nearest_two(generated, training).flagged.double().mean())
    if len(heldout) < 2:
        return CopyRates(share, None, None)
    real = nearest_two(heldout[: len(generated)], training).flagged
    count = min(len(heldout), len(training))
    subset = training[
        torch.linspace(0, len(training) - 1, count, dtype=torch.float32, device="cpu")
        .round()
        .long()
    ]
    near, far = (nearest_two(generated, x).distance[:, 0].mean() for x in (subset, heldout[:count]))
    return CopyRates(share, float(real.double().mean()), float(near / far) if far > 0 else None)
