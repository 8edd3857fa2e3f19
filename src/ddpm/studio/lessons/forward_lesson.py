"""The forward process on one image: the schedule as curves, and x_t at one time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ddpm.diffusion.process import add_noise
from ddpm.diffusion.schedules import Schedule
from ddpm.models.base import DiffusionModel
from ddpm.randomness import ImageNoise
from ddpm.studio.lessons.source_lines import source_line
from ddpm.studio.lessons.tensor_pictures import Pixel, tensor_panel

CURVE_POINTS = 200
NOISE_SCALE = 3.0  # standard deviations shown as white in pictures of noise


def schedule_curve(schedule: Schedule) -> dict[str, Any]:
    """Return the schedule at up to `CURVE_POINTS` evenly spaced times; betas are None on some paths."""
    t = torch.linspace(0, len(schedule) - 1, min(CURVE_POINTS, len(schedule)), device="cpu")
    t = t.round().long()
    betas = _betas(schedule)
    return {
        "name": schedule.name,
        "num_steps": len(schedule),
        "t": t.tolist(),
        "signal": schedule.signal[t].tolist(),
        "sigma": schedule.sigma[t].tolist(),
        "log_snr": [_finite(value) for value in schedule.log_snr[t].tolist()],
        "beta": None if betas is None else betas[t].tolist(),
    }


def level_numbers(schedule: Schedule, t: int) -> dict[str, Any]:
    """Return the numbers of time t: signal, sigma, SNR, ln SNR; alpha-bar and beta where they exist."""
    betas = _betas(schedule)
    return {
        "t": t,
        "num_steps": len(schedule),
        "signal": float(schedule.signal[t]),
        "sigma": float(schedule.sigma[t]),
        "alpha_bar": None if betas is None else float(schedule.alpha_bars[t]),
        "beta": None if betas is None else float(betas[t]),
        "snr": float(schedule.snr[t]),
        "log_snr": _finite(float(schedule.log_snr[t])),
    }


def forward_step(
    model: DiffusionModel, x0: Tensor, t: int, seed: int, pixel: Pixel
) -> dict[str, Any]:
    """Return x_t = signal x0 + sigma noise for one image x0 [C, H, W] in [-1, 1] (Ho et al. 2020, Eq. 4).

    The noise is that of seed `seed`, as in `ddpm forward`.
    """
    noise = ImageNoise([seed], x0.shape)()
    x_t = add_noise(model.schedule, x0[None], torch.tensor([t], device="cpu"), noise)
    return {
        **level_numbers(model.schedule, t),
        "panels": {
            "x0": tensor_panel(x0, pixel),
            "noise": tensor_panel(noise[0], pixel, scale=NOISE_SCALE),
            "x_t": tensor_panel(x_t[0], pixel, scale=display_scale(model.schedule, t)),
        },
        "source": source_line(add_noise, "signal * x0 + sigma * noise"),
    }


def display_scale(schedule: Schedule, t: int) -> float:
    """Return the value of x_t shown as white: 1, or sigma where it is larger (schedule `edm`, up to 80)."""
    return max(1.0, float(schedule.sigma[t]))


def _betas(schedule: Schedule) -> Tensor | None:
    try:
        return schedule.betas
    except ValueError:  # the path does not preserve variance
        return None


def _finite(value: float) -> float | None:
    """Return `value`, or None for infinity, which JSON cannot hold."""
    return value if abs(value) != float("inf") else None
