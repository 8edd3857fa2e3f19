"""Candidate settings of the sampler lab: each sampler with as many steps as a budget allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ddpm.config import SamplingConfig, unknown_name_error
from ddpm.diffusion.guidance import in_interval
from ddpm.diffusion.samplers import SAMPLERS, Prediction, SamplerOptions
from ddpm.errors import RequestError
from ddpm.models.base import DiffusionModel
from ddpm.sampling.settings import resolve_settings


class SamplingCost(NamedTuple):
    """Cost of one image: network evaluations, and whether the sampler draws noise."""

    evaluations: int
    noisy: bool


@dataclass(frozen=True)
class Candidate:
    """Sampling settings to measure."""

    settings: SamplingConfig
    cost: SamplingCost
    baseline: bool = False  # Algorithm 2 over every noise level

    @property
    def name(self) -> str:
        """Sampler and steps: `unipc, 8 steps`."""
        return f"{self.settings.sampler}, {self.settings.steps} steps"


def sampling_cost(model: DiffusionModel, settings: SamplingConfig) -> SamplingCost:
    """Count the network evaluations of one image by running the sampler on one pixel with a dummy network.

    A guided step takes two: with and without the label, or by the network and its guide.
    """
    guided = model.is_guided(settings)
    evaluations, noise_draws = 0, 0

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        nonlocal evaluations
        inside = in_interval(int(t[0]), len(model.schedule), settings.guidance_interval)
        evaluations += 2 if guided and inside else 1
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


def plan_candidates(
    model: DiffusionModel, samplers: Sequence[str], budgets: Sequence[int], overrides: Sequence[str]
) -> list[Candidate]:
    """Return each sampler at each budget of network evaluations, cheapest first, without duplicates.

    RequestError for an unknown sampler, or a budget that is too small for a sampler.
    """
    found: dict[SamplingConfig, Candidate] = {}
    for sampler in samplers:
        if sampler not in SAMPLERS:
            raise unknown_name_error("sampler", sampler, SAMPLERS)
        for budget in budgets:
            point = _most_steps_within(model, sampler, budget, overrides)
            found[point.settings] = point
    return sorted(found.values(), key=lambda point: point.cost.evaluations)


def ancestral_candidate(model: DiffusionModel, overrides: Sequence[str]) -> Candidate:
    """Return Algorithm 2 of Ho et al. 2020 over every noise level of the schedule."""
    settings = resolve_settings(model, [*overrides, "sampling.sampler=ancestral"])
    return Candidate(settings, sampling_cost(model, settings), baseline=True)


def _most_steps_within(
    model: DiffusionModel, sampler: str, budget: int, overrides: Sequence[str]
) -> Candidate:
    """Return a sampler with the most steps that take at most `budget` network evaluations."""
    assignments = [*overrides, f"sampling.sampler={sampler}"]
    for steps in range(min(budget, len(model.schedule)), 0, -1):
        settings = resolve_settings(model, [*assignments, f"sampling.steps={steps}"])
        needed = sampling_cost(model, settings)
        if needed.evaluations <= budget:
            return Candidate(settings, needed)
    raise RequestError(
        f"{sampler} needs at least {needed.evaluations} network evaluations, more than {budget} (a guided "
        f"step takes two); raise --evaluations, or leave {sampler} out of --samplers."
    )
