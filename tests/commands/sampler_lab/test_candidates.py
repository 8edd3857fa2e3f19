"""Which settings the lab measures, and what each really costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ddpm.commands.sampler_lab.candidates import (
    SamplingCost,
    ancestral_candidate,
    plan_candidates,
    sampling_cost,
)
from ddpm.commands.sampler_lab.lab_benchmark import count_network_calls
from ddpm.config import Config, with_overrides
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.errors import RequestError
from ddpm.models.autoguidance import Guides
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec

TINY = ["network.channels=8", "network.multipliers=[1]", "diffusion.num_steps=40"]
GUIDED = ["sampling.guidance=2", "sampling.guidance_interval=[0.2, 0.9]"]


def model(*overrides: str, classes: int = 3) -> Ddpm:
    config = with_overrides(Config(), [*TINY, *overrides])
    config = replace(config, data=replace(config.data, labels=classes > 0))
    names = tuple("abc"[:classes])
    return Ddpm(ModelSpec(config, (1, 8, 8), (0.0,), 0.5, names, (1,) * classes))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("guidance", [[], GUIDED, ["sampling.guidance=2"]])
def test_the_planned_cost_is_what_the_network_is_really_asked(
    sampler: str, guidance: list[str]
) -> None:
    lab = model(f"sampling.sampler={sampler}", "sampling.steps=7", *guidance)
    settings = lab.spec.config.sampling
    with count_network_calls(lab, settings) as calls:
        for _ in lab.trajectory([0, 1], [0, 1], settings):
            pass
    assert calls[0] == sampling_cost(lab, settings).evaluations


def test_a_guide_of_another_network_is_counted_too() -> None:
    lab = model("sampling.guide=step:3", "sampling.guidance=2", "sampling.steps=5", classes=0)
    lab.guides = Guides(lambda name: dict(lab.learner.ema.network.state_dict()))
    settings = lab.spec.config.sampling
    with count_network_calls(lab, settings) as calls:
        for _ in lab.trajectory([0], None, settings):
            pass
    assert (
        calls[0]
        == sampling_cost(lab, settings).evaluations
        == 2 * sampling_cost(lab, replace(settings, guidance=1)).evaluations
    )


def test_costs_by_hand() -> None:
    """T = 40, even in t: 39, 32, 26, 20, 13, 6, 0, of which 20 to 90 % are 32, 26, 20 and 13."""
    asked = ["sampling.steps=7", "sampling.spacing=uniform"]
    plain, guided = model(*asked), model(*asked, *GUIDED)
    own = guided.spec.config.sampling
    assert sampling_cost(
        plain, replace(plain.spec.config.sampling, sampler="ddim")
    ) == SamplingCost(7, False)
    assert sampling_cost(guided, replace(own, sampler="ddim")) == SamplingCost(11, False)
    assert sampling_cost(guided, replace(own, sampler="ddim", eta=1.0)) == SamplingCost(11, True)
    assert sampling_cost(guided, replace(own, sampler="ancestral")) == SamplingCost(11, True)
    # Heun asks at both ends of a step, but at one of the first and the last: 39; 32, 26; 26, 20; …; 0
    heun = 1 + (2 + 2) + (2 + 2) + (2 + 2) + (2 + 1) + (1 + 1) + 1
    assert sampling_cost(guided, replace(own, sampler="heun")) == SamplingCost(heun, False)
    assert sampling_cost(
        model(*asked, *GUIDED, classes=0), replace(own, sampler="ddim")
    ) == SamplingCost(7, False)


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
