"""The cost that is planned is the number of times that the networks are called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ddpm.commands.sampler_lab.lab_benchmark import count_network_calls
from ddpm.config import Config, with_overrides
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.models.autoguidance import Guides
from ddpm.models.ddpm import Ddpm
from ddpm.models.mixed_labels import MixedLabel
from ddpm.models.spec import ModelSpec
from ddpm.sampling.sampling_cost import SamplingCost, sampling_cost

TINY = ["network.channels=8", "network.multipliers=[1]", "diffusion.num_steps=40"]
GUIDED = ["sampling.guidance=2", "sampling.guidance_interval=[0.2, 0.9]"]


def model(*overrides: str, classes: int = 3) -> Ddpm:
    config = with_overrides(Config(), [*TINY, *overrides])
    config = replace(config, data=replace(config.data, labels=classes > 0))
    names = tuple("0123456789"[:classes])
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


MIXTURES = {
    "one class": [1, 2],
    "two classes": [MixedLabel(((0, 0.5), (2, 0.5))), 1],
    "three and no label": [MixedLabel(((0, 0.5), (2, 0.2), (1, 0.2))), 1],
}


@pytest.mark.parametrize("labels", MIXTURES.values(), ids=MIXTURES)
@pytest.mark.parametrize("guide", ["", "step:3"])
@pytest.mark.parametrize("guidance", ["1", "2"])
@pytest.mark.parametrize("classifier", ["0", "1.5"])
def test_mixtures_and_classifier_guidance_are_counted(
    labels: list[int], guide: str, guidance: str, classifier: str
) -> None:
    lab = model(
        f"sampling.guide={guide}",
        f"sampling.guidance={guidance}",
        f"sampling.classifier_guidance={classifier}",
        "sampling.guidance_interval=[0.2, 0.9]",
        "sampling.steps=4",
        classes=10,
    )
    lab.guides = Guides(lambda name: dict(lab.learner.ema.network.state_dict()))
    settings = lab.spec.config.sampling
    with count_network_calls(lab, settings) as calls:
        for _ in lab.trajectory([0, 1], labels, settings):
            pass
    assert calls[0] == sampling_cost(lab, settings, labels).evaluations
