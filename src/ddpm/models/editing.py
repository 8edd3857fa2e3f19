"""Three ways to change images with a trained diffusion model. Images are float [C, H, W] in [-1, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.diffusion import editing
from ddpm.diffusion.samplers import SAMPLERS, SamplerOptions, starting_noise
from ddpm.models.ddpm import Ddpm
from ddpm.randomness import ImageNoise

DETERMINISTIC = ("ddim", "heun", "dpm++2m", "unipc")
REPAINT_TIMES = 5  # Lugmayr et al. 2022: 10; on small images 5 agree with what surrounds them


@torch.no_grad()
def interpolate(
    model: Ddpm,
    seeds: tuple[int, int],
    between: int,
    settings: SamplingConfig,
    labels: Sequence[int] | None = None,
) -> Tensor:
    """Images [between + 2, C, H, W] on the great circle from one seed's starting noise to another's.

    Float, about [-1, 1]; `labels` one an image. A sampler that adds noise would blur the path, so it is
    replaced by DDIM.
    """
    if settings.sampler not in DETERMINISTIC:
        settings = replace(settings, sampler="ddim")
    settings = replace(settings, eta=0.0, churn=0.0)
    visited = model.levels(settings)
    ends = starting_noise(visited, ImageNoise(seeds, model.spec.image_shape, model.device))
    shares = [i / (between + 1) for i in range(between + 2)]
    x = torch.cat([editing.slerp(ends[:1], ends[1:], share) for share in shares])
    *_, last = model.frames(visited, x, lambda: torch.zeros_like(x), labels, settings)
    return last.x


@torch.no_grad()
def inpaint(
    model: Ddpm,
    image: Tensor,
    mask: Tensor,
    seeds: Sequence[int],
    settings: SamplingConfig,
    labels: Sequence[int] | None = None,
) -> Tensor:
    """One answer a seed, float [N, C, H, W]: `image` where `mask` is 0, redrawn where it is 1.

    `image` [C, H, W] in [-1, 1] and `mask` [1, H, W] of 0 and 1; `labels` one a seed. Lugmayr et al. 2022,
    Algorithm 1.
    """
    visited = model.levels(settings)
    noise = ImageNoise(seeds, model.spec.image_shape, model.device)
    known = image.to(model.device).expand(len(seeds), -1, -1, -1)
    *_, last = editing.inpaint(
        SAMPLERS[settings.sampler],
        model.denoiser(labels, settings),
        visited,
        noise,
        SamplerOptions(settings.eta, settings.churn, settings.variance),
        known=known,
        mask=mask.to(model.device)[None],
        resample=REPAINT_TIMES,
    )
    return last.x


@torch.no_grad()
def refine(
    model: Ddpm,
    image: Tensor,
    strength: float,
    seeds: Sequence[int],
    settings: SamplingConfig,
    labels: Sequence[int] | None = None,
) -> Tensor:
    """One answer a seed [N, C, H, W]: `image` noised to `strength` (0..1) of the range and drawn anew.

    `image` [C, H, W] is float in [-1, 1], the answers about that; `labels` one a seed. Meng et al. 2022.
    Strength 0 hands the image back nearly as it is, 1 forgets it.
    """
    start = round(strength * (len(model.schedule) - 1))
    steps = max(1, min(start + 1, round(strength * settings.steps)))
    visited = model.levels(replace(settings, steps=steps), start)
    noise = ImageNoise(seeds, model.spec.image_shape, model.device)
    known = image.to(model.device).expand(len(seeds), -1, -1, -1)
    x = editing.noised(visited, known, noise)
    *_, last = model.frames(visited, x, noise, labels, settings)
    return last.x
