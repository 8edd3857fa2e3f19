"""Sampling of the times t of a training batch (Ho et al. 2020, Algorithm 1, line 3)."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ddpm.diffusion.cited import Cited, check_known
from ddpm.diffusion.schedules import Schedule

POSITIONS = 2**24  # in each stratum


def uniform(schedule: Schedule, n: int, generator: Generator) -> Tensor:
    """Return n independent uniform times (Ho et al. 2020, Algorithm 1)."""
    return torch.randint(len(schedule), (n,), generator=generator, device=generator.device)


def stratified(schedule: Schedule, n: int, generator: Generator) -> Tensor:
    """Return one time from each of n equally likely strata, shuffled.

    After Kingma et al. 2021, appendix I.1, whose strata share one shift; here each has its own.
    Each time is uniform, but a batch covers the range evenly, which reduces the variance of the
    loss. Shuffling lets each micro-batch cover the whole range. Integer arithmetic (2^24 places in a
    stratum) prevents rounding across a border.
    """
    device = generator.device
    within = torch.randint(POSITIONS, (n,), generator=generator, device=device)
    order = torch.randperm(n, generator=generator, device=device)
    return (order * POSITIONS + within) * len(schedule) // (n * POSITIONS)


def lognormal(schedule: Schedule, n: int, generator: Generator) -> Tensor:
    """Return times with ln(sigma / signal) ~ N(-1.2, 1.2²), rounded to the table.

    Karras et al. 2022, Table 1. Nearly pure noise is rare; this suits the edm schedule.
    """
    log_ratio = (-schedule.log_snr / 2).to(torch.float32).to(generator.device)  # [T], rising
    halfway = (log_ratio[1:] + log_ratio[:-1]) / 2
    target = (
        torch.randn(n, generator=generator, device=generator.device, dtype=torch.float32) * 1.2
        - 1.2
    )
    return torch.bucketize(target, halfway)


TIME_SAMPLINGS: dict[str, Cited[[Schedule, int, Generator], Tensor]] = {
    "uniform": Cited(uniform, "ddpm"),
    "stratified": Cited(stratified, "stratified"),
    "lognormal": Cited(lognormal, "edm"),
}


def draw_times(sampling: str, schedule: Schedule, n: int, generator: Generator) -> Tensor:
    """Return int64 times 0 .. T-1 [n] on the generator's device. ValueError for an unknown name."""
    check_known("time sampling", sampling, TIME_SAMPLINGS)
    return TIME_SAMPLINGS[sampling](schedule, n, generator)
