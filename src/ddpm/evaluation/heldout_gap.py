"""The held-out gap: how much larger the loss is on held-out images than on training images."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Gap(NamedTuple):
    """A held-out gap with its significance."""

    relative: float  # 0.1: the loss on held-out images is 10 % higher
    z: float  # in standard errors; about standard normal without a gap


def heldout_gap(heldout: Tensor, training: Tensor) -> Gap:
    """Return the gap from losses [N] of held-out and training images; pair i shares timestep and noise.

    Losses differ by orders of magnitude between noise levels, so log ratios are averaged: the gap
    compares geometric means, and z is a paired t statistic.
    """
    tiny = torch.finfo(torch.float64).tiny
    ratios = heldout.double().clamp(min=tiny).log() - training.double().clamp(min=tiny).log()
    error = ratios.std() / len(ratios) ** 0.5
    return Gap(float(ratios.mean().expm1()), float(ratios.mean() / error.clamp(min=1e-12)))
