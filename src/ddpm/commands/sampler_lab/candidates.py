"""The settings that the sampler lab measures: for every sampler the most steps a budget allows."""

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
    """What one image takes: questions to the network, and whether noise is drawn on the way."""

    evaluations: int
    noisy: bool


@dataclass(frozen=True)
class Candidate:
    """One setting to measure."""

    settings: SamplingConfig
    cost: SamplingCost
    baseline: bool = False  # Algorithm 2 over every level

    @property
    def name(self) -> str:
        """`unipc, 8 steps`."""
        return f"{self.settings.sampler}, {self.settings.steps} steps"


def sampling_cost(model: DiffusionModel, settings: SamplingConfig) -> SamplingCost:
    """Counted by walking the sampler over one pixel with a network that answers nothing.

    A guided question asks twice: with and without the label, or the network and its guide.
    """
    guided = model.is_guided(settings)
    asked, drawn = 0, 0

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        nonlocal asked
        inside = in_interval(int(t[0]), len(model.schedule), settings.guidance_interval)
        asked += 2 if guided and inside else 1
        return Prediction(torch.zeros_like(x))

    def noise() -> Tensor:
        nonlocal drawn
        drawn += 1
        return pixel

    pixel = torch.zeros(1, 1, 1, 1)
    options = SamplerOptions(settings.eta, settings.churn, settings.variance)
    walk = SAMPLERS[settings.sampler](denoise, model.levels(settings), pixel, noise, options)
    for _ in walk:
        pass
    return SamplingCost(asked, drawn > 0)


def plan_candidates(
    model: DiffusionModel, samplers: Sequence[str], budgets: Sequence[int], overrides: Sequence[str]
) -> list[Candidate]:
    """Each sampler within each budget of evaluations, cheapest first, none twice.

    RequestError: an unknown sampler, or a budget that one of the samplers cannot keep to.
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
    """Algorithm 2 of Ho et al. 2020 over every level of the schedule."""
    settings = resolve_settings(model, [*overrides, "sampling.sampler=ancestral"])
    return Candidate(settings, sampling_cost(model, settings), baseline=True)


def _most_steps_within(
    model: DiffusionModel, sampler: str, budget: int, overrides: Sequence[str]
) -> Candidate:
    """The most steps of a sampler that ask the network no more than `budget` times."""
    asked = [*overrides, f"sampling.sampler={sampler}"]
    for steps in range(min(budget, len(model.schedule)), 0, -1):
        settings = resolve_settings(model, [*asked, f"sampling.steps={steps}"])
        needed = sampling_cost(model, settings)
        if needed.evaluations <= budget:
            return Candidate(settings, needed)
    raise RequestError(
        f"{sampler} needs at least {needed.evaluations} evaluations of the network (a guided step "
        f"takes two); raise the {budget} of --evaluations, or leave {sampler} out of --samplers."
    )
