"""Which settings the lab measures, and what each really costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ddpm.commands.sampler_lab.candidates import ancestral_candidate, plan_candidates
from ddpm.config import Config, with_overrides
from ddpm.errors import RequestError
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.sampling.sampling_cost import SamplingCost, sampling_cost

TINY = ["network.channels=8", "network.multipliers=[1]", "diffusion.num_steps=40"]
GUIDED = ["sampling.guidance=2", "sampling.guidance_interval=[0.2, 0.9]"]


def model(*overrides: str, classes: int = 3) -> Ddpm:
    config = with_overrides(Config(), [*TINY, *overrides])
    config = replace(config, data=replace(config.data, labels=classes > 0))
    names = tuple("abc"[:classes])
    return Ddpm(ModelSpec(config, (1, 8, 8), (0.0,), 0.5, names, (1,) * classes))


def test_a_budget_buys_the_most_steps_and_none_is_measured_twice() -> None:
    points = plan_candidates(model(*GUIDED), ["ddim", "heun"], [4, 9, 8], [])
    found = {(point.settings.sampler, point.cost.evaluations) for point in points}
    assert {sampler for sampler, _ in found} == {"ddim", "heun"}
    assert [p.cost.evaluations for p in points] == sorted(p.cost.evaluations for p in points)
    for point in points:
        lab = model(*GUIDED)
        one_more = replace(point.settings, steps=point.settings.steps + 1)
        budget = next(b for b in (4, 8, 9) if point.cost.evaluations <= b)
        assert sampling_cost(lab, one_more).evaluations > budget
        assert point.settings.spacing == "compact" and point.settings.guidance == 2
    assert (
        len(plan_candidates(model(), ["ddim"], [4, 4, 400], [])) == 2
    )  # 40 levels are all there are
    assert plan_candidates(model(), ["ancestral"], [4], [])[0].settings.spacing == "uniform"
    chosen = plan_candidates(model(), ["unipc"], [4], ["sampling.spacing=karras"])
    assert [p.settings.spacing for p in chosen] == ["karras"]


def test_the_baseline_walks_every_level() -> None:
    point = ancestral_candidate(model(*GUIDED), [])
    assert (point.settings.sampler, point.settings.steps) == ("ancestral", 40)
    guided = sum(0.2 <= t / 39 <= 0.9 for t in range(40))
    assert point.baseline and point.cost == SamplingCost(40 + guided, True)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(RequestError, match="no sampler 'unipcc'; did you mean unipc"):
        plan_candidates(model(), ["unipcc"], [4], [])
    always = model("sampling.guidance=2")
    with pytest.raises(
        RequestError,
        match=r"ddim needs at least 2 network evaluations, more than 1 .* raise --evaluations",
    ):
        plan_candidates(always, ["ddim"], [1], [])
    assert plan_candidates(always, ["ddim"], [2], [])[0].settings.steps == 1
