"""Guidance, and clipping of x0_hat to [-1, 1]: functions of predicted images [N, C, H, W]."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Return the prediction of classifier-free guidance.

    Ho & Salimans 2022 (arXiv:2207.12598), Eq. 6, with scale = 1 + w. Scale 1 is the conditional
    prediction, 0 the unconditional. It applies to x0_hat and to the network's output alike: at one
    x_t each is an affine function of the other.
    """
    return unconditional + scale * (conditional - unconditional)


def in_interval(t: int, num_steps: int, interval: tuple[float, float]) -> bool:
    """Return whether t / (T - 1), a fraction of the noise range, lies in the interval, ends included.

    Guidance in an interval only: Kynkäänniemi et al. 2024, arXiv:2404.07724. Fraction 1 is the
    noisiest level.
    """
    return interval[0] <= t / (num_steps - 1) <= interval[1]


def clip_static(x0: Tensor) -> Tensor:
    """Return x0 clipped to [-1, 1], the range of images."""
    return x0.clamp(-1, 1)


def clip_dynamic(x0: Tensor, percentile: float = 0.995) -> Tensor:
    """Return x0 [N, C, H, W] by dynamic thresholding (Saharia et al. 2022, arXiv:2205.11487, section 2.3).

    Each image is clipped at this percentile of its absolute values (the nearest rank above); if
    the percentile is above 1, the image is divided by it.
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
