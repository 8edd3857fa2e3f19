"""Guidance by labels, and keeping x0_hat inside [-1, 1]. Pure functions on predicted images."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598, Eq. 6, scale = 1 + w).

    Scale 1 is the conditional prediction alone, 0 the unconditional. For x0_hat and the network's
    output alike: at one x_t they are affine in each other.
    """
    return unconditional + scale * (conditional - unconditional)


def in_interval(t: int, num_steps: int, interval: tuple[float, float]) -> bool:
    """Whether t / (T - 1), its share of the noise range, lies in the interval, ends included.

    Guidance in an interval only: Kynkäänniemi et al. 2024, arXiv:2404.07724. Share 1 is the
    noisiest.
    """
    return interval[0] <= t / (num_steps - 1) <= interval[1]


def clip_static(x0: Tensor) -> Tensor:
    """x0 clipped to the range of images, [-1, 1]."""
    return x0.clamp(-1, 1)


def clip_dynamic(x0: Tensor, percentile: float = 0.995) -> Tensor:
    """Dynamic thresholding of x0 [N, C, H, W] (Saharia et al. 2022, arXiv:2205.11487, section 2.3).

    Each image is clipped at that percentile of its absolute values (the nearest rank above), and
    where that is beyond 1 it is divided by it.
    """
    magnitudes = x0.abs().flatten(1)  # [N, C H W]
    rank = max(math.ceil(percentile * magnitudes.shape[1]), 1) - 1
    limit = magnitudes.sort(dim=1).values[:, rank].clamp(min=1).view(-1, 1, 1, 1)
    return torch.minimum(torch.maximum(x0, -limit), limit) / limit


CLIPS: dict[str, Callable[[Tensor], Tensor]] = {
    "static": clip_static,
    "dynamic": clip_dynamic,
    "none": lambda x0: x0,
}
