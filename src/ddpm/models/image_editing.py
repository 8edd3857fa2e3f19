"""Interpolation, inpainting and refinement with a diffusion model. Images are float [C, H, W] in [-1, 1].

Images are sampled `settings.chunk` at a time; `progress(done, total)` counts sampler steps, and
`watch(start, x)` receives each state x_t of the images from index `start` on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.diffusion import editing
from ddpm.diffusion.levels import Levels
from ddpm.diffusion.samplers import SAMPLERS, SamplerOptions, starting_noise
from ddpm.models.base import DiffusionModel
from ddpm.randomness import ImageNoise

REPAINT_TIMES = 5  # Lugmayr et al. 2022: 10; 5 are enough for small images

Progress = Callable[[int, int], None]
Watch = Callable[[int, Tensor], None]


def _no_progress(done: int, total: int) -> None:
    """Ignore the progress."""


def _no_watch(start: int, x: Tensor) -> None:
    """Ignore the states."""


@torch.no_grad()
def interpolate(
    model: DiffusionModel,
    seeds: tuple[int, int],
    between: int,
    settings: SamplingConfig,
    labels: Sequence[int] | None = None,
    *,
    progress: Progress = _no_progress,
    watch: Watch = _no_watch,
) -> Tensor:
    """Return images [between + 2, C, H, W] on the great circle from one seed's noise to another's.

    Float, about [-1, 1]; one of `labels` per image. Sampled with `deterministic_settings` settings.
    """
    settings = deterministic_settings(settings)
    levels = model.levels(settings)
    ends = starting_noise(levels, ImageNoise(seeds, model.spec.image_shape, model.device))
    shares = [i / (between + 1) for i in range(between + 2)]
    x = torch.cat([editing.slerp(ends[:1], ends[1:], share) for share in shares])

    def sample(chosen: slice) -> Iterator[Tensor]:
        zeros = torch.zeros_like(x[chosen])
        return _states(
            model, levels, x[chosen], lambda: zeros, _select_labels(labels, chosen), settings
        )

    return _sample_in_chunks(len(x), settings.chunk, len(levels), sample, progress, watch)


def deterministic_settings(settings: SamplingConfig) -> SamplingConfig:
    """Return settings that add no noise, for `interpolate`; DDIM replaces a stochastic sampler."""
    if not SAMPLERS[settings.sampler].is_deterministic:
        settings = replace(settings, sampler="ddim")
    return replace(settings, eta=0.0, churn=0.0)


@torch.no_grad()
def inpaint(
    model: DiffusionModel,
    image: Tensor,
    mask: Tensor,
    seeds: Sequence[int],
    settings: SamplingConfig,
    labels: Sequence[int] | None = None,
    *,
    progress: Progress = _no_progress,
    watch: Watch = _no_watch,
) -> Tensor:
    """Return one image per seed [N, C, H, W]: `image` where `mask` is 0, generated where it is 1.

    `image` [C, H, W] in [-1, 1] and `mask` [1, H, W] of 0 and 1; one of `labels` per seed.
    Lugmayr et al. 2022, Algorithm 1.
    """
    levels = model.levels(settings)
    image, mask = image.to(model.device)[None], mask.to(model.device)[None]

    def sample(chosen: slice) -> Iterator[Tensor]:
        noise = ImageNoise(seeds[chosen], model.spec.image_shape, model.device)
        steps = editing.inpaint(
            SAMPLERS[settings.sampler],
            model.denoiser(_select_labels(labels, chosen), settings, feeds_back=True),
            levels,
            noise,
            SamplerOptions(settings.eta, settings.churn, settings.variance),
            known=image.expand(len(seeds[chosen]), -1, -1, -1),
            mask=mask,
            resample=REPAINT_TIMES,
        )
        return (step.x for step in steps)

    return _sample_in_chunks(len(seeds), settings.chunk, len(levels), sample, progress, watch)


@torch.no_grad()
def refine(
    model: DiffusionModel,
    image: Tensor,
    strength: float,
    seeds: Sequence[int],
    settings: SamplingConfig,
    labels: Sequence[int] | None = None,
    *,
    progress: Progress = _no_progress,
    watch: Watch = _no_watch,
) -> Tensor:
    """Return one image per seed [N, C, H, W]: `image` with noise added, then denoised.

    `image` [C, H, W] is float in [-1, 1]; one of `labels` per seed. Meng et al. 2022. `strength` is the
    noise level, as a fraction of the noise range: 0 returns nearly the image itself, 1 ignores it.
    """
    start = _start_time(model, strength)
    levels = model.levels(refine_settings(model, strength, settings), start)
    image = image.to(model.device)[None]

    def sample(chosen: slice) -> Iterator[Tensor]:
        noise = ImageNoise(seeds[chosen], model.spec.image_shape, model.device)
        x = editing.noise_to_first_level(
            levels, image.expand(len(seeds[chosen]), -1, -1, -1), noise
        )
        return _states(model, levels, x, noise, _select_labels(labels, chosen), settings)

    return _sample_in_chunks(len(seeds), settings.chunk, len(levels), sample, progress, watch)


def refine_settings(
    model: DiffusionModel, strength: float, settings: SamplingConfig
) -> SamplingConfig:
    """Return the settings of `refine`: the fraction `strength` of the steps."""
    limit = _start_time(model, strength) + 1
    return replace(settings, steps=max(1, min(limit, round(strength * settings.steps))))


def _start_time(model: DiffusionModel, strength: float) -> int:
    """Return the time t at which refinement starts."""
    return round(strength * (len(model.schedule) - 1))


def _select_labels(labels: Sequence[int] | None, chosen: slice) -> Sequence[int] | None:
    return None if labels is None else labels[chosen]


def _states(
    model: DiffusionModel,
    levels: Levels,
    x: Tensor,
    noise: Callable[[], Tensor],
    labels: Sequence[int] | None,
    settings: SamplingConfig,
) -> Iterator[Tensor]:
    """Yield the state after each step from `x` on."""
    frames = islice(model.frames(levels, x, noise, labels, settings), 1, None)
    return (frame.x for frame in frames)


def _sample_in_chunks(
    count: int,
    size: int,
    steps: int,
    sample: Callable[[slice], Iterator[Tensor]],
    progress: Progress,
    watch: Watch,
) -> Tensor:
    """Return the last states of `count` images, sampled in `steps` steps, `size` images at a time."""
    starts = range(0, count, size)
    ends = []
    for number, start in enumerate(starts):
        for done, x in enumerate(sample(slice(start, start + size)), number * steps + 1):
            watch(start, x)
            progress(done, len(starts) * steps)
            last = x
        ends.append(last)
    return torch.cat(ends)
