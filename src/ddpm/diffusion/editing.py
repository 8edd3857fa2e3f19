"""Changing images with a trained model: between two noises, inside a mask, or from part way up."""

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
    """The point at `share` 0 .. 1 of the great circle from a to b, image by image (Shoemake 1985).

    a, b [N, C, H, W]. Unlike a straight line between two normal noises, it keeps their length.
    (Nearly) parallel noises are interpolated in a straight line.
    """
    flat_a, flat_b = a.flatten(1), b.flatten(1)
    cosine = torch.nn.functional.cosine_similarity(flat_a, flat_b).clamp(-1, 1)
    angle = cosine.acos().view(-1, 1, 1, 1)
    curved = ((1 - share) * angle).sin() * a + (share * angle).sin() * b
    straight = (1 - share) * a + share * b
    return torch.where(angle.sin() > 1e-4, curved / angle.sin(), straight)


def noised(levels: Levels, x0: Tensor, noise: Noise) -> Tensor:
    """x0 [N, C, H, W] with the noise of the first level: where SDEdit begins to refine it.

    Meng et al. 2022 (arXiv:2108.01073), Algorithm 1; any sampler goes on from here along `levels`.
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
    """RePaint on any sampler's steps (Lugmayr et al. 2022, arXiv:2201.09865, Algorithm 1).

    `known` [N, C, H, W] is kept where `mask` (broadcast against it) is 0 and filled in where it is
    1. Each step is taken `resample` times, going back up by the forward process in between, so that
    the filling can agree with its surroundings. ValueError: resample below 1.
    """
    if resample < 1:
        raise ValueError(f"resample must be 1 or more; got {resample}")
    signal, sigma = levels.signal.tolist(), levels.sigma.tolist()
    options = replace(options, churn=options.churn / len(levels))  # each step is a path of one here
    x = starting_noise(levels, noise)
    for i in range(len(levels)):
        ratio, variance = transition((signal[i], sigma[i]), (signal[i + 1], sigma[i + 1]))
        for again in reversed(range(resample if sigma[i + 1] > 0 else 1)):
            step = next(sampler(denoise, levels.step(i), x, noise, options))
            x = signal[i + 1] * known + sigma[i + 1] * noise() if sigma[i + 1] > 0 else known
            x = mask * step.x + (1 - mask) * x  # line 8
            reached = Step(i + 1, x, step.x0)
            if again:
                x = ratio * x + math.sqrt(variance) * noise()  # line 10
        yield reached
