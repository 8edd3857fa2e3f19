"""Drifting: a generator whose images move, at each training step, toward the data and away from each other.

Deng et al. 2026, arXiv:2602.04770. A field of attraction to real images and repulsion from generated ones
vanishes where both have one distribution. The generator learns to reproduce its own images moved along that
field, so that it needs one evaluation, no adversary and no trajectory. Distances are between features of
images, such as those of a diffusion model's network.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

TEMPERATURES = (0.02, 0.05, 0.2)  # of the kernels, in units of the mean distance
OWN_DISTANCE = 100.0  # of an image to itself, in the same units: it does not repel itself


class DriftingLoss(NamedTuple):
    """The loss of generated features, and the length of the field before it is scaled."""

    loss: Tensor  # [..., G]
    length: Tensor  # [..., G]  root mean square over the features, in units of the mean distance / sqrt(D)


def drifting_loss(generated: Tensor, real: Tensor) -> DriftingLoss:
    """Return the squared distance of generated features to the place where the field moves them.

    The fields of all TEMPERATURES are scaled to a root mean square of 1 and added. The unit of a feature is
    the mean distance of a pair over sqrt(D). The length is that of the widest kernel's field.

    Args:
        generated, real: features [..., G, D] and [..., R, D] of images of one class.
    """
    with torch.no_grad():
        distance, mean = pair_distances(generated, real)
        unit = mean / generated.shape[-1] ** 0.5
        step, length = torch.zeros_like(generated), torch.zeros_like(generated[..., 0])
        for temperature in TEMPERATURES:
            field = drifting_field(generated, real, distance, temperature) / unit
            length = field.square().mean(-1).sqrt()
            step += field / field.square().mean((-2, -1), keepdim=True).sqrt().clamp(min=1e-12)
        target = generated / unit + step
    return DriftingLoss((generated / unit - target).square().mean(-1), length)


def pair_distances(generated: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Return distances [..., G, G + R] in units of their mean, and that mean [..., 1, 1].

    They are those of generated features [..., G, D] to themselves and to real ones [..., R, D]. The mean is
    over all G (G + R) of them, before the distance of a feature to itself becomes OWN_DISTANCE.
    """
    distance = torch.cdist(generated, torch.cat([generated, real], dim=-2))
    mean = distance.mean((-2, -1), keepdim=True).clamp(min=1e-12)
    distance = distance / mean
    distance.diagonal(dim1=-2, dim2=-1).fill_(OWN_DISTANCE)
    return distance, mean


def drifting_field(generated: Tensor, real: Tensor, distance: Tensor, temperature: float) -> Tensor:
    """Return the field [..., G, D] that moves generated features [..., G, D] toward real ones [..., R, D].

    The kernel of a pair is exp(-distance / temperature), normalized by the geometric mean of its sums over
    rows and columns. The weights of attraction and repulsion balance for each generated feature, so that the
    field does not depend on the origin. `distance` [..., G, G + R]: see `pair_distances`.
    """
    logits = -distance / temperature
    weight = (logits.softmax(-1) * logits.softmax(-2)).sqrt()
    count = generated.shape[-2]
    repulsion, attraction = weight[..., :count], weight[..., count:]
    pull = attraction * repulsion.sum(-1, keepdim=True)
    push = repulsion * attraction.sum(-1, keepdim=True)
    field: Tensor = pull @ real - push @ generated
    return field
