"""Editing images with a trained model: interpolation, inpainting and refinement."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from ddpm.diffusion.levels import Levels
from ddpm.diffusion.process import transition
from ddpm.diffusion.samplers import (
    Denoiser,
    Noise,
    SamplerOptions,
    SamplingLoop,
    Step,
    starting_noise,
)


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Return the point at `share` 0 .. 1 of the great circle from a to b, per image (Shoemake 1985).

    a, b [N, C, H, W]. Unlike linear interpolation of two normal noises, it keeps their norm.
    (Nearly) parallel noises are interpolated linearly.
    """
    flat_a, flat_b = a.flatten(1), b.flatten(1)
    cosine = torch.nn.functional.cosine_similarity(flat_a, flat_b).clamp(-1, 1)
    angle = cosine.acos().view(-1, 1, 1, 1)
    curved = ((1 - share) * angle).sin() * a + (share * angle).sin() * b
    straight = (1 - share) * a + share * b
    return torch.where(angle.sin() > 1e-4, curved / angle.sin(), straight)


def noise_to_first_level(levels: Levels, x0: Tensor, noise: Noise) -> Tensor:
    """Return x0 [N, C, H, W] with the noise of the first level, where SDEdit starts.

    Meng et al. 2022 (arXiv:2108.01073), Algorithm 1; any sampler continues from it along `levels`.
    """
    return float(levels.signal[0]) * x0 + float(levels.sigma[0]) * noise()


def inpaint(
    sampler: SamplingLoop,
    denoise: Denoiser,
    levels: Levels,
    noise: Noise,
    options: SamplerOptions,
    *,
    known: Tensor,
    mask: Tensor,
    resample: int = 1,
) -> Iterator[Step]:
    """Yield the steps of RePaint with any sampler (Lugmayr et al. 2022, arXiv:2201.09865, Algorithm 1).

    `known` [N, C, H, W] is kept where `mask` (broadcast against it) is 0 and generated where it is
    1. Each step is taken `resample` times, with a step of the forward process in between, so that
    the generated part agrees with its surroundings. ValueError: resample below 1.
    """
    if resample < 1:
        raise ValueError(f"resample must be 1 or more; got {resample}")
    signal, sigma = levels.signal.tolist(), levels.sigma.tolist()
    # the sampler gets paths of one step, and would add all of the churn on each
    options = replace(options, churn=options.churn / len(levels))
    x = starting_noise(levels, noise)
    for i in range(len(levels)):
        ratio, variance = transition((signal[i], sigma[i]), (signal[i + 1], sigma[i + 1]))
        for remaining in reversed(range(resample if sigma[i + 1] > 0 else 1)):
            step = next(sampler(denoise, levels.step(i), x, noise, options))
            x = signal[i + 1] * known + sigma[i + 1] * noise() if sigma[i + 1] > 0 else known
            x = mask * step.x + (1 - mask) * x  # line 8
            last = Step(i + 1, x, step.x0)
            if remaining:
                x = ratio * x + math.sqrt(variance) * noise()  # line 10
        yield last
