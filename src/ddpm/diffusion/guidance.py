"""Guidance, and clipping of x0_hat to [-1, 1]: functions of predicted images [N, C, H, W]."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Return the prediction of classifier-free guidance.

    Ho & Salimans 2022 (arXiv:2207.12598), Eq. 6, with scale = 1 + w. Scale 1 is the conditional
    prediction, 0 the unconditional. It applies to x0_hat and to the network's output alike: at one
    x_t each is an affine function of the other.
    """
    return unconditional + scale * (conditional - unconditional)


def combine(plain: Tensor, guided: Sequence[Tensor]) -> Tensor:
    """Return the prediction moved by one or more guidances: plain + Σ (guided - plain).

    Guidances add in the score, so they add in x0_hat. One alone is returned as it is.
    """
    moved, *others = guided
    for other in others:
        moved = moved + (other - plain)
    return moved


def rescale(guided: Tensor, conditional: Tensor, share: float) -> Tensor:
    """Return guided images [N, C, H, W] whose contrast is moved by `share` 0 .. 1 to the conditional ones'.

    Lin et al. 2024 (arXiv:2305.08891), Eq. 15-16: large guidance scales raise the standard deviation of an
    image, which this undoes. 0 changes nothing; the paper uses 0.7.
    """
    ratio = conditional.flatten(1).std(dim=1) / guided.flatten(1).std(dim=1).clamp(min=1e-8)
    return guided * (1 + share * (ratio - 1)).view(-1, 1, 1, 1)


def classifier_shift(
    x: Tensor,
    denoise: Callable[[Tensor], Tensor],
    log_probability: Callable[[Tensor], Tensor],
    signal: Tensor,
    sigma: Tensor,
) -> Tensor:
    """Return what classifier guidance adds to x0_hat = denoise(x) at scale 1, [N, C, H, W].

    Dhariwal & Nichol 2021 (arXiv:2105.05233), section 4: the gradient of log p(y | x_t) is added to the
    score, which adds sigma^2 / signal times it to x0_hat. The classifier was trained on clean images, so it
    sees x0_hat, and p(y | x_t) is read as p(y | x0_hat(x_t)) (Chung et al. 2023, arXiv:2209.14687, Eq. 10).
    `log_probability(x0)` is [N]. At a signal of 0, x_t says nothing about the image: the shift is 0.
    """
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(log_probability(denoise(leaf)).sum(), leaf)
    return torch.where(signal > 0, sigma.square() / signal.clamp(min=1e-30) * gradient, 0.0)


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
