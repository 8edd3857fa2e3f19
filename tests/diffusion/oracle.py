"""Data whose answers are known: Gaussians and Gaussian mixtures, each pixel by itself, in float64.

Their exact denoiser E[x0 | x_t] stands in for a perfectly trained network. For one Gaussian every
sampler is linear in its noise, so that its mean and variance come out exactly, without a draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.diffusion.levels import Levels
from ddpm.diffusion.samplers import (
    Denoiser,
    Prediction,
    SamplerOptions,
    SamplingLoop,
    starting_noise,
)
from ddpm.diffusion.schedules import Schedule


@dataclass(frozen=True)
class Gaussian:
    mean: float = -0.3
    std: float = 0.5

    def draw(self, *shape: int, seed: int = 0) -> Tensor:
        return self.mean + self.std * normal(*shape, seed=seed)

    def denoised(self, x: Tensor, signal: Tensor | float, sigma: Tensor | float) -> Tensor:
        """E[x0 | x]: two Gaussians, weighted by their precisions."""
        prior, seen = 1 / self.std**2, (signal / sigma) ** 2
        return (prior * self.mean + seen * x / signal) / (prior + seen)

    def denoiser(self, schedule: Schedule) -> Denoiser:
        def denoise(x: Tensor, t: Tensor) -> Prediction:
            signal, sigma = schedule.at(t, x)
            known = self.denoised(x, signal.clamp(min=1e-300), sigma)
            return Prediction(torch.where(signal > 0, known, self.mean))

        return denoise

    def variance_at(self, signal: float, sigma: float) -> float:
        return (signal * self.std) ** 2 + sigma**2

    def flow_map(self, x: Tensor, here: tuple[float, float], there: tuple[float, float]) -> Tensor:
        """The probability-flow ODE from level to level: (x - signal mean) / std is kept."""
        scale = (self.variance_at(*there) / self.variance_at(*here)) ** 0.5
        return there[0] * self.mean + scale * (x - here[0] * self.mean)


@dataclass(frozen=True)
class Mixture:
    means: tuple[float, ...] = (-0.8, 0.1, 0.7)
    stds: tuple[float, ...] = (0.15, 0.1, 0.25)
    weights: tuple[float, ...] = (0.5, 0.2, 0.3)

    def denoiser(self, schedule: Schedule) -> Denoiser:
        mean, std, weight = (
            torch.tensor(v).double() for v in (self.means, self.stds, self.weights)
        )

        def denoise(x: Tensor, t: Tensor) -> Prediction:
            signal, sigma = (level[..., None] for level in schedule.at(t, x))
            spread = (signal * std) ** 2 + sigma**2
            gap = x[..., None] - signal * mean  # [N, C, H, W, components]
            belief = (weight.log() - spread.log() / 2 - gap**2 / (2 * spread)).softmax(dim=-1)
            return Prediction((belief * (mean + signal * std**2 * gap / spread)).sum(dim=-1))

        return denoise


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def no_noise() -> Tensor:
    raise AssertionError("a deterministic sampler asked for noise")


def run(
    sampler: SamplingLoop,
    denoise: Denoiser,
    levels: Levels,
    x: Tensor,
    noise: Callable[[], Tensor] = no_noise,
    options: SamplerOptions | None = None,
) -> Tensor:
    """Where the sampler ends."""
    *_, last = sampler(denoise, levels, x, noise, options or SamplerOptions())
    return last.x


def unit_draws(count: int) -> Callable[[], Tensor]:
    """Noise for count + 1 images of one pixel: draw k is 1 in image k + 1 and 0 elsewhere."""
    rows = iter(torch.eye(count + 1, dtype=torch.float64)[1:])
    return lambda: next(rows).view(-1, 1, 1, 1)


def exact_moments(
    sampler: SamplingLoop, denoise: Denoiser, levels: Levels, options: SamplerOptions | None = None
) -> tuple[float, float]:
    """Mean and standard deviation of what a sampler draws, for a denoiser linear in x.

    Image 0 sees no noise: the mean. The others see one draw each: their squared responses add.
    """
    noise = unit_draws(2 * len(levels) + 2)
    end = run(sampler, denoise, levels, starting_noise(levels, noise), noise, options).flatten()
    return float(end[0]), float((end[1:] - end[0]).square().sum().sqrt())


def levels_at(schedule: Schedule, t: list[int]) -> Levels:
    """A path through the given times, then to the clean image."""
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    signal, sigma = torch.cat([schedule.signal[t], one]), torch.cat([schedule.sigma[t], zero])
    return Levels(schedule, torch.tensor(t), signal, sigma)
