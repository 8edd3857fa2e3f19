"""Drift of generated images toward real ones of their class, as a diffusion model's network sees both."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ddpm.diffusion.drifting import DriftingLoss, drifting_loss
from ddpm.models.base import DiffusionModel
from ddpm.models.teacher_features import teacher_features

COMPARED_TIMES = 0.4  # share of the schedule, from its clean end, at which features are compared


def class_groups(images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return images [N, C, H, W] by class [K, R, C, H, W] and the class of each group [K].

    R is the mean size of a class: images of smaller ones are repeated, those of larger ones left out. Without
    labels [N] all images are one group.
    """
    if labels is None:
        return images[None], None
    counts = labels.bincount()
    classes = counts.nonzero().flatten()
    places = torch.arange(math.ceil(len(labels) / len(classes)), device=labels.device)
    members = [(labels == index).nonzero().flatten() for index in classes]
    chosen = torch.stack([own[places % len(own)] for own in members])
    return images[chosen.to(images.device)], classes


def image_drifting_loss(
    teacher: DiffusionModel,
    generated: Tensor,
    real: Tensor,
    classes: Tensor | None,
    generator: Generator,
) -> DriftingLoss:
    """Return the drifting loss of generated images, summed over features, and the mean length, [K, G] each.

    Both kinds of images get noise of the same level first: the square of a uniform number times
    COMPARED_TIMES, so that most levels are low.

    Args:
        generated: images [K, G, C, H, W] in K groups; the loss differentiates to them.
        real: images [K, R, C, H, W] of the same groups.
        classes: class of each group [K], or None.
    """
    share = torch.rand((), generator=generator, device=generated.device, dtype=torch.float32)
    t = (COMPARED_TIMES * len(teacher.schedule) * share.square()).long()

    def features(images: Tensor) -> list[Tensor]:  # [S, K, ., D] each
        groups, count = images.shape[:2]
        flat = images.flatten(0, 1)
        noise = torch.randn(
            flat.shape, generator=generator, device=flat.device, dtype=torch.float32
        )
        labels = None if classes is None else classes.repeat_interleave(count)
        found = teacher_features(teacher, flat, t.expand(len(flat)), noise, labels)
        return [part.reshape(len(part), groups, count, -1) for part in found]

    with torch.no_grad():
        theirs = features(real)
    drifts = [
        drifting_loss(*pair) for pair in zip(features(generated), theirs, strict=True)
    ]  # [S, K, G]
    return DriftingLoss(
        torch.stack([drift.loss.mean(0) for drift in drifts]).sum(0),
        torch.stack([drift.length.mean(0) for drift in drifts]).mean(0),
    )
