"""Cost of sampling: the number of network evaluations (NFE) of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.diffusion.samplers import SAMPLERS, Prediction, SamplerOptions
from ddpm.models.base import DiffusionModel


class SamplingCost(NamedTuple):
    """Cost of one image: network evaluations, and whether the sampler draws noise."""

    evaluations: int
    noisy: bool


def sampling_cost(
    model: DiffusionModel, settings: SamplingConfig, labels: Sequence[int] | None = None
) -> SamplingCost:
    """Count the network evaluations of one image by running the sampler on one pixel with a dummy network.

    A step evaluates the networks as often as `DiffusionModel.evaluations` says. `labels`: of the images, if
    some are mixtures of classes.
    """
    evaluations, noise_draws = 0, 0

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        nonlocal evaluations
        evaluations += model.evaluations(settings, int(t[0]), labels)
        return Prediction(torch.zeros_like(x))

    def noise() -> Tensor:
        nonlocal noise_draws
        noise_draws += 1
        return pixel

    pixel = torch.zeros(1, 1, 1, 1, dtype=torch.float32, device="cpu")
    options = SamplerOptions(settings.eta, settings.churn, settings.variance)
    steps = SAMPLERS[settings.sampler](denoise, model.levels(settings), pixel, noise, options)
    for _ in steps:
        pass
    return SamplingCost(evaluations, noise_draws > 0)
