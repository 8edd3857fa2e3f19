"""How different the images are from one another: feature distances and the histogram of classes."""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.neighbors import distance_blocks

CONFIDENT = 0.9
PSEUDO_COUNT = 0.5  # added to each class, so that an empty one costs much but not infinitely much


def mean_distance(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean Euclidean distance between two different images of features [N, D].

    [B] with x_i counted weights[b, i] times (weights [B, N]), else [1]; no image meets itself.
    """
    if len(features) < 2:
        raise RequestError("Diversity needs at least 2 images; give more images.")
    w = torch.ones(1, len(features), dtype=torch.float64) if weights is None else weights.double()
    total = torch.zeros(len(w), dtype=torch.float64)
    start = 0
    for block in distance_blocks(features, features):
        rows = torch.arange(len(block))
        block[rows, rows + start] = 0
        total += ((w[:, start : start + len(block)] @ block) * w).sum(dim=1)
        start += len(block)
    return total / (w.sum(dim=1).square() - w.square().sum(dim=1))


def class_shares(probabilities: Tensor, weights: Tensor | None = None) -> Tensor:
    """Share of images by likeliest class: [B, K] with weights [B, N], else [1, K]."""
    classes = probabilities.shape[1]
    hot = torch.nn.functional.one_hot(probabilities.argmax(dim=1), classes).double()
    w = torch.ones(1, len(hot), dtype=torch.float64) if weights is None else weights.double()
    return (w @ hot) / w.sum(dim=1, keepdim=True)


def class_divergence(shares: Tensor, reference: Tensor, count: float) -> Tensor:
    """KL(shares ‖ reference) in nats of class shares [B, K] and [K], 0 for the same balance.

    Half an image of `count` is added to each class on both sides.
    """
    p, q = (_smoothed(histogram, count) for histogram in (shares, reference))
    return (p * (p / q).log()).sum(dim=-1)


def _smoothed(shares: Tensor, count: float) -> Tensor:
    return (shares * count + PSEUDO_COUNT) / (count + PSEUDO_COUNT * shares.shape[-1])


def is_confident(probabilities: Tensor) -> Tensor:
    """Which images the classifier is sure of: its likeliest class has more than 0.9; bool [N]."""
    return probabilities.max(dim=1).values > CONFIDENT
