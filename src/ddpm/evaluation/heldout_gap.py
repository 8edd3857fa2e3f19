"""How much better a model knows its training images than others of their kind, and how sure that is."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Gap(NamedTuple):
    """The held-out gap of a model."""

    relative: float  # by how much the loss on held-out images is higher: 0.1 is a tenth
    z: float  # that in standard errors; about normal where both kinds of images cost the same


def heldout_gap(heldout: Tensor, training: Tensor) -> Gap:
    """From losses [N] of held-out and of training images, pair i at the same t and the same noise.

    Losses differ by orders of magnitude between noise levels, and within a pair in proportion, so the
    logarithms of their ratios are averaged: the gap is that of geometric means, z a paired t statistic.
    """
    tiny = torch.finfo(torch.float64).tiny
    ratios = heldout.double().clamp(min=tiny).log() - training.double().clamp(min=tiny).log()
    error = ratios.std() / len(ratios) ** 0.5
    return Gap(float(ratios.mean().expm1()), float(ratios.mean() / error.clamp(min=1e-12)))
