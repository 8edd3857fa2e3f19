"""The reverse process step by step: Algorithm 2 with every quantity of a step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ddpm.diffusion.process import posterior
from ddpm.diffusion.samplers import SamplerOptions, ancestral, starting_noise
from ddpm.loading.models import OpenedModel
from ddpm.randomness import ImageNoise
from ddpm.studio.lessons.breakages import ReverseRequest, ReverseSetup, make_setup
from ddpm.studio.lessons.forward_lesson import NOISE_SCALE
from ddpm.studio.lessons.source_lines import source_line
from ddpm.studio.lessons.tensor_pictures import Pixel, data_url, min_max_url, tensor_panel


@dataclass
class Walk:
    """States of a reverse process, from noise to images: entry i of each list is step i."""

    setup: ReverseSetup
    states: list[Tensor] = field(default_factory=list)  # S + 1 of x [N, C, H, W]
    predictions: list[Tensor] = field(default_factory=list)  # S of x0_hat, clipped as configured
    noises: list[Tensor | None] = field(default_factory=list)  # S of z; None at the last step

    def __len__(self) -> int:
        return len(self.predictions)


@torch.no_grad()
def reverse_walk(opened: OpenedModel, request: ReverseRequest) -> Walk:
    """Run Algorithm 2 of Ho et al. 2020 with the library's own sampler, and record every step."""
    setup = make_setup(opened, request)
    seeds = range(request.seed, request.seed + request.count)
    draw = ImageNoise(seeds, opened.model.spec.image_shape)
    walk = Walk(setup)

    def recorded_noise() -> Tensor:
        walk.noises.append(draw())
        return walk.noises[-1]  # type: ignore[return-value]  # just appended

    x = starting_noise(setup.levels, draw)
    walk.states.append(x)
    options = SamplerOptions(variance=opened.model.spec.config.sampling.variance)
    for step in ancestral(setup.denoise, setup.levels, x, recorded_noise, options):
        walk.states.append(step.x)
        walk.predictions.append(step.x0)
    walk.noises.append(None)  # line 3: z = 0 at the last step
    return walk


def filmstrip(walk: Walk, columns: int = 12) -> list[dict[str, Any]]:
    """Return up to `columns` evenly spaced states of the first image: step, t, x_t and x0_hat."""
    count = min(columns, len(walk))
    chosen = torch.linspace(0, len(walk) - 1, count, device="cpu").round().int().tolist()
    return [_frame(walk, i) for i in chosen]


def _frame(walk: Walk, step: int) -> dict[str, Any]:
    x_t, levels = walk.states[step][0], walk.setup.levels
    scaled = data_url(x_t, max(1.0, float(levels.sigma[step])))
    return {
        "step": step,
        "t": int(levels.t[step]),
        "x_t": min_max_url(x_t) if walk.setup.min_max else scaled,
        "x0": data_url(walk.predictions[step][0]),
    }


def final_pictures(walk: Walk) -> list[str]:
    """Return the finished images as pictures, displayed as the reverse process was set up."""
    show = min_max_url if walk.setup.min_max else data_url
    return [show(image) for image in walk.states[-1]]


@torch.no_grad()
def reverse_step(walk: Walk, step: int, pixel: Pixel) -> dict[str, Any]:
    """Return every quantity of step `step` (0: the noisiest) for the first image.

    x_t → noise → x0 → posterior mean and deviation → the next state (Ho et al. 2020, Algorithm 2 and
    Eq. 6-7). Noise and x0 before clipping come from one more evaluation of the network.
    """
    levels, x_t = walk.setup.levels, walk.states[step]
    noisy = float(levels.signal[step]), float(levels.sigma[step])
    clean = float(levels.signal[step + 1]), float(levels.sigma[step + 1])
    x0, x_next, z = walk.predictions[step], walk.states[step + 1], walk.noises[step]
    times = torch.full((len(x_t),), int(levels.t[step]), dtype=torch.int64)
    unclipped = walk.setup.denoise_unclipped(x_t, times).x0
    noise_hat = (x_t - noisy[0] * unclipped) / noisy[1]
    mean, variance = posterior(x_t, x0, noisy, clean)
    share = (noisy[1] ** 2 - (noisy[0] / clean[0]) ** 2 * clean[1] ** 2) / noisy[1] ** 2
    coefficients = noisy[0] / clean[0] * clean[1] ** 2 / noisy[1] ** 2, clean[0] * share
    scale = max(1.0, noisy[1])
    tensors = {
        "x_t": (x_t, scale),
        "noise": (noise_hat, NOISE_SCALE),
        "x0_unclipped": (unclipped, 1.0),
        "x0": (x0, 1.0),
        "mean": (mean, scale),
        "z": (torch.zeros_like(x_t) if z is None else z, NOISE_SCALE),
        "x_next": (x_next, max(1.0, clean[1])),
    }
    return {
        "step": step,
        "steps": len(walk),
        "t": int(levels.t[step]),
        "next_t": int(levels.t[step + 1]) if step + 1 < len(walk) else None,
        "signal": noisy[0],
        "sigma": noisy[1],
        "next_signal": clean[0],
        "next_sigma": clean[1],
        "mean_of_x_t": coefficients[0],
        "mean_of_x0": coefficients[1],
        "posterior_std": math.sqrt(variance),
        "panels": {
            name: tensor_panel(tensor[0], pixel, scale=shown)
            for name, (tensor, shown) in tensors.items()
        },
        "sources": {
            "x0": source_line(ancestral, "x0, learned = denoise"),
            "mean": source_line(ancestral, "x = ratio * share * x"),
            "x_next": source_line(ancestral, "x = x + math.sqrt(large)"),
        },
    }
