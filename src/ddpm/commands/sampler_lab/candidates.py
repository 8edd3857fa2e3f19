"""Candidate settings of the sampler lab: each sampler with as many steps as a budget allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ddpm.config import SamplingConfig, unknown_name_error
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.errors import RequestError
from ddpm.models.base import DiffusionModel
from ddpm.sampling.sampling_cost import SamplingCost, sampling_cost
from ddpm.sampling.settings import resolve_settings


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
        f"{sampler} needs at least {needed.evaluations} network evaluations, more than {budget} (guidance "
        f"takes more than one a step); raise --evaluations, or leave {sampler} out of --samplers."
    )
