"""The noise of a training batch (Ho et al. 2020, Algorithm 1, line 4), and variants of drawing it."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ddpm.diffusion.assignment import assign


def draw_noise(
    x0: Tensor,
    generator: Generator,
    *,
    candidates: int = 1,
    assigned: bool = False,
    offset: float = 0.0,
) -> Tensor:
    """Return standard normal noise shaped like the images x0 [N, C, H, W], on the generator's device.

    If `assigned`, the noises of the batch change places so that the sum of the squared distances between
    images and noises is the least (immiscible diffusion, Li et al. 2024, arXiv:2406.12303). With several
    `candidates`, each image first gets the nearest of as many draws. `offset` adds one normal number of this
    deviation to each channel of an image (offset noise, Guttenberg 2023), so that the network learns to
    change mean brightness.
    """
    noise = _normal(x0.shape, generator)
    for _ in range(candidates - 1):
        other = _normal(x0.shape, generator)
        is_nearer = _squared_distance(other, x0) < _squared_distance(noise, x0)
        noise = torch.where(is_nearer[:, None, None, None], other, noise)
    if assigned:  # |x - noise|² with x · noise alone: the norms do not depend on the places
        noise = noise[assign(-(x0.flatten(1).float() @ noise.flatten(1).T))]
    if offset:
        noise = noise + offset * _normal((*x0.shape[:2], 1, 1), generator)
    return noise


def _normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float32)


def _squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the squared distance of each image of a to that of b, [N]."""
    return (a - b).square().sum(dim=(1, 2, 3))
