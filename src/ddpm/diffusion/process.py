"""The forward process q(x_t | x_0), and its posterior q(x_s | x_t, x_0).

A level is (signal, sigma): floats or tensors that broadcast against [N, C, H, W].
"""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor

from ddpm.arguments import check_type
from ddpm.diffusion.schedules import Schedule

Number = TypeVar("Number", float, Tensor)


def add_noise(schedule: Schedule, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Return x_t ~ q(x_t | x0) [N, C, H, W] for int64 times t [N] (Ho et al. 2020, Eq. 4).

    ValueError unless t holds one whole number for each image and noise has the shape of x0.
    """
    check_type("schedule", schedule, Schedule, "; make one by make_schedule")
    for name, value in (("x0", x0), ("t", t), ("noise", noise)):
        check_type(name, value, Tensor)
    if t.is_floating_point() or t.shape != x0.shape[:1]:
        raise ValueError(
            f"t must hold one whole number for each image, int64 [{len(x0)}], not {t.dtype} {list(t.shape)}"
        )
    if noise.shape != x0.shape:
        raise ValueError(
            f"noise must have the shape of x0, {list(x0.shape)}, not {list(noise.shape)}"
        )
    signal, sigma = schedule.at(t, x0)
    return signal * x0 + sigma * noise


def transition(noisy: tuple[Number, Number], clean: tuple[Number, Number]) -> tuple[Number, Number]:
    """Return (ratio, variance) of q(x_t | x_s) = N(ratio x_s, variance), s the cleaner level.

    Kingma et al. 2021, appendix A. For adjacent levels of a variance-preserving path:
    sqrt(alpha_t) and beta_t.
    """
    ratio = noisy[0] / clean[0]
    return ratio, noisy[1] ** 2 - ratio**2 * clean[1] ** 2


def posterior(
    x_t: Tensor, x0: Tensor, noisy: tuple[Number, Number], clean: tuple[Number, Number]
) -> tuple[Tensor, Number]:
    """Return mean and variance of q(x_s | x_t, x0) for any two levels, s the cleaner.

    Ho et al. 2020, Eq. 6-7, for any path and any two levels (Kingma et al. 2021, appendix A).
    """
    ratio, variance = transition(noisy, clean)
    share = variance / noisy[1] ** 2
    mean = ratio * clean[1] ** 2 / noisy[1] ** 2 * x_t + clean[0] * share * x0
    return mean, share * clean[1] ** 2
