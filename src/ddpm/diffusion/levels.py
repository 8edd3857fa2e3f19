"""The noise levels of a schedule that a sampler visits, noisiest first.

Levels lie on the schedule's table, since the network is trained on integer t only. A spacing
chooses them; each is rounded to the table without collisions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.diffusion.cited import check_known
from ddpm.diffusion.schedules import PURE_NOISE_LOG_SNR, Schedule

FEATURELESS_LOG_SNR = -4.5  # at noisier levels x0_hat is close to the mean of the data


@dataclass(frozen=True, eq=False)
class Levels:
    """S levels t, and (signal, sigma) at each with the clean level (1, 0) appended.

    A path that ends on the table (one step of a longer path) has no clean level; its signal and
    sigma are as long as t. `len` is the number of steps between levels.
    """

    schedule: Schedule
    t: Tensor  # [S] int64, strictly falling
    signal: Tensor  # [S + 1] float64 (or [S])
    sigma: Tensor  # [S + 1] float64 (or [S])

    def __len__(self) -> int:
        return len(self.signal) - 1

    @property
    def half_log_snr(self) -> Tensor:
        """ln(signal / sigma) [S + 1], DPM-Solver's lambda; it may begin at -inf and ends at +inf."""
        return self.signal.log() - self.sigma.log()

    def step(self, i: int) -> Levels:
        """Return the levels i and i + 1 alone: a path of one step."""
        pair = slice(i, i + 2)
        return Levels(self.schedule, self.t[pair], self.signal[pair], self.sigma[pair])


def uniform(schedule: Schedule, top: int, steps: int) -> Tensor:
    """Return times [steps] evenly spaced in t, both ends included."""
    return torch.linspace(top, 0, steps, dtype=torch.float64, device="cpu").round()


def trailing(schedule: Schedule, top: int, steps: int) -> Tensor:
    """Return times [steps] evenly spaced in t, noisiest included (Lin et al. 2024, arXiv:2305.08891)."""
    share = torch.arange(steps, 0, -1, dtype=torch.float64, device="cpu") / steps
    return (share * (top + 1)).round() - 1


def quadratic(schedule: Schedule, top: int, steps: int) -> Tensor:
    """Return times [steps] proportional to i² (Song et al. 2021, DDIM, arXiv:2010.02502, appendix D.2)."""
    return (torch.linspace(1, 0, steps, dtype=torch.float64, device="cpu").square() * top).round()


def log_snr(schedule: Schedule, top: int, steps: int) -> Tensor:
    """Return times [steps] evenly spaced in log-SNR (Lu et al. 2022, arXiv:2211.01095).

    The noisiest time is that of `PURE_NOISE_LOG_SNR`.
    """
    table = schedule.log_snr[: top + 1]
    ends = _top_log_snr(table), float(table[0])
    return _nearest(table, torch.linspace(*ends, steps, dtype=torch.float64, device="cpu"))


def karras(schedule: Schedule, top: int, steps: int) -> Tensor:
    """Return times [steps] by Karras et al. 2022, Eq. 5, with rho = 7 and sigma / signal as the noise level.

    The noisiest time is that of `PURE_NOISE_LOG_SNR`.
    """
    table = schedule.log_snr[: top + 1]
    ends = torch.tensor([_top_log_snr(table), float(table[0])], dtype=torch.float64, device="cpu")
    noisiest, cleanest = (-ends / 2).exp().pow(1 / 7).tolist()
    ratio = torch.linspace(noisiest, cleanest, steps, dtype=torch.float64, device="cpu").pow(7)
    return _nearest(table, -2 * ratio.log())


def compact(schedule: Schedule, top: int, steps: int) -> Tensor:
    """Return the noisiest time, then times evenly spaced in log-SNR; [steps] in all.

    For few steps. The log-SNR runs from `FEATURELESS_LOG_SNR` to 2 ln(steps). The first step goes from
    pure noise to `FEATURELESS_LOG_SNR`, because x0_hat is nearly constant in between. The last step goes
    from noise of 1/steps of the signal to x0_hat, as in Karras et al. 2022.
    docs/speedrun.md compares this spacing with `log_snr` and `trailing`.
    """
    table = schedule.log_snr[: top + 1]
    noisiest, cleanest = float(table[-1]), float(table[0])
    last = min(2 * math.log(steps), cleanest)
    if noisiest > FEATURELESS_LOG_SNR:
        even = torch.linspace(
            max(last, noisiest), noisiest, steps, dtype=torch.float64, device="cpu"
        )
    else:
        even = torch.linspace(
            last, FEATURELESS_LOG_SNR, steps - 1, dtype=torch.float64, device="cpu"
        )
    return torch.cat([torch.tensor([top], device="cpu"), _nearest(table, even.flip(0))])[-steps:]


def _top_log_snr(table: Tensor) -> float:
    return min(max(float(table[-1]), PURE_NOISE_LOG_SNR), float(table[0]))


def _nearest(table: Tensor, targets: Tensor) -> Tensor:
    return (targets[:, None] - table).abs().argmin(dim=1)


SPACINGS: dict[str, Callable[[Schedule, int, int], Tensor]] = {
    "uniform": uniform,
    "trailing": trailing,
    "quadratic": quadratic,
    "log-snr": log_snr,
    "karras": karras,
    "compact": compact,
}


def noise_levels(schedule: Schedule, steps: int, spacing: str, start: int | None = None) -> Levels:
    """Return `steps` distinct levels from t = `start` down to the clean image.

    `start` None is T-1; a lower one refines an image. ValueError: an unknown spacing, a start
    outside the table, more steps than levels.
    """
    top = len(schedule) - 1 if start is None else start
    check_known("spacing", spacing, SPACINGS)
    if not 0 <= top < len(schedule):
        raise ValueError(f"start must be a time from 0 to {len(schedule) - 1}; got {top}")
    if not 1 <= steps <= top + 1:
        raise ValueError(
            f"steps must be from 1 to {top + 1}, the number of noise levels; got {steps}"
        )
    t = _distinct(SPACINGS[spacing](schedule, top, steps).tolist(), top)
    one, zero = (
        torch.ones(1, dtype=torch.float64, device="cpu"),
        torch.zeros(1, dtype=torch.float64, device="cpu"),
    )
    signal, sigma = torch.cat([schedule.signal[t], one]), torch.cat([schedule.sigma[t], zero])
    return Levels(schedule, t, signal, sigma)


def _distinct(times: list[float], top: int) -> Tensor:
    """Return strictly falling times from `top`. Equal times move down, or up at the end of the table."""
    t = [top]
    for value in times[1:]:
        t.append(min(int(value), t[-1] - 1))
    lowest = range(len(t) - 1, -1, -1)  # leaves one level for each later step
    return torch.tensor([max(pair) for pair in zip(t, lowest, strict=True)], device="cpu")
