"""Diversity of a set of images: mean feature distance and class histogram."""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.neighbors import distance_blocks

CONFIDENT_PROBABILITY = 0.9  # of the most likely class
PSEUDO_COUNT = 0.5  # images added to each class, so that an empty class has a finite cost


def mean_distance(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean Euclidean distance between features [N, D] of different images.

    Shape [B] with weights [B, N], where image i counts weights[b, i] times, else [1].
    """
    if len(features) < 2:
        raise RequestError("Diversity needs at least 2 images; give more images.")
    w = (
        torch.ones(1, len(features), dtype=torch.float64, device="cpu")
        if weights is None
        else weights.double()
    )
    total = torch.zeros(len(w), dtype=torch.float64, device="cpu")
    start = 0
    for block in distance_blocks(features, features):
        rows = torch.arange(len(block), device="cpu")
        block[rows, rows + start] = 0
        total += ((w[:, start : start + len(block)] @ block) * w).sum(dim=1)
        start += len(block)
    return total / (w.sum(dim=1).square() - w.square().sum(dim=1))


def class_shares(probabilities: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the share of images by most likely class: [B, K] with weights [B, N], else [1, K]."""
    classes = probabilities.shape[1]
    hot = torch.nn.functional.one_hot(probabilities.argmax(dim=1), classes).double()
    w = (
        torch.ones(1, len(hot), dtype=torch.float64, device="cpu")
        if weights is None
        else weights.double()
    )
    return (w @ hot) / w.sum(dim=1, keepdim=True)


def class_divergence(shares: Tensor, reference: Tensor, count: float) -> Tensor:
    """Return KL(shares ‖ reference) in nats, [B], of class shares [B, K] and [K].

    Half an image is added to each class on both sides, which count as `count` images.
    """
    p, q = (_smoothed(histogram, count) for histogram in (shares, reference))
    return (p * (p / q).log()).sum(dim=-1)


def _smoothed(shares: Tensor, count: float) -> Tensor:
    return (shares * count + PSEUDO_COUNT) / (count + PSEUDO_COUNT * shares.shape[-1])


def is_confident(probabilities: Tensor) -> Tensor:
    """Return whether the most likely class has a probability above 0.9, bool [N]."""
    return probabilities.max(dim=1).values > CONFIDENT_PROBABILITY
