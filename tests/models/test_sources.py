"""Every choice of a configuration has its source, and a run's sources follow its choices."""

from __future__ import annotations

import typing

import pytest

from ddpm import config as settings
from ddpm.config import Config, DiffusionConfig, TrainingConfig
from ddpm.documents.citations import SOURCES
from ddpm.models.sources import (
    CHOICES,
    attention_sides,
    augmentation_source,
    average_source,
    choice_source,
    guidance_sources,
    label_source,
    network_sources,
    network_title,
)

NAMES = {
    "diffusion.schedule": settings.ScheduleName,
    "diffusion.objective": settings.ObjectiveName,
    "diffusion.weighting": settings.WeightingName,
    "diffusion.time_sampling": settings.TimeSamplingName,
    "sampling.sampler": settings.SamplerName,
    "training.optimizer": typing.get_type_hints(TrainingConfig)["optimizer"],
}


@pytest.mark.parametrize("key", NAMES)
def test_the_sources_of_choices_are_there(key: str) -> None:
    """A choice without one is named in a report without a number."""
    assert set(CHOICES[key]) == set(typing.get_args(NAMES[key]))
    assert set(CHOICES[key].values()) <= set(SOURCES)


def test_a_runs_sources_follow_its_choices() -> None:
    plain = Config(diffusion=DiffusionConfig(schedule="sigmoid", learned_variance=True)).to_dict()
    assert choice_source(plain, "diffusion.schedule") == "sigmoid"
    assert choice_source(plain, "diffusion.learned_variance") == "cosine"
    assert network_sources(plain) == ["unet", "adm"] and guidance_sources(plain) == []
    rich = settings.with_overrides(
        Config(),
        ["network.attention=[8]", "network.patch=2", "data.labels=auto", "sampling.guidance=2"],
    ).to_dict()
    assert network_sources(rich) == ["unet", "adm", "attention", "patch"]
    assert guidance_sources(rich) == ["guidance"]
    rich["sampling"]["guidance_interval"] = [0.2, 1.0]
    assert guidance_sources(rich) == ["guidance", "interval"]
    rich["sampling"]["guide"] = "step:500"
    assert guidance_sources(rich) == ["autoguidance"]
    rich["sampling"] |= {"guidance_rescale": 0.7, "classifier_guidance": 2.0}
    assert guidance_sources(rich) == ["autoguidance", "rescale", "adm"]
    assert network_sources(Config(model="dcgan").to_dict()) == ["dcgan"]
    dit = ["network.kind=dit", "network.long_skips=true", "network.positions=rotary"]
    chosen = settings.with_overrides(Config(), [*dit, "network.attention=[8]"]).to_dict()
    assert network_sources(chosen) == ["dit", "attention", "uvit", "rotary"]
    assert attention_sides(chosen) == [] and network_title(chosen).endswith("(DiT)")
    ignored = settings.with_overrides(Config(), dit[1:]).to_dict()
    assert network_sources(ignored) == ["unet", "adm"] and network_title(ignored) == "U-Net"
    assert choice_source({}, "diffusion.schedule") == ""


def test_averages_found_labels_and_told_augmentation_have_sources() -> None:
    plain = Config().to_dict()
    assert average_source(plain, None) == "averaging" and average_source(plain, 0.05) == "lengths"
    assert label_source(plain) == augmentation_source(plain) == ""
    rich = settings.with_overrides(
        Config(), ["training.ema=0", "data.labels=kmeans:10", "data.augment=0.1"]
    ).to_dict()
    assert average_source(rich, None) == ""
    assert (label_source(rich), augmentation_source(rich)) == ("groups", "edm")
    found = {"averaging", "lengths", "groups", "edm", "autoguidance"}
    assert found | {"bootstrap", "newcombe", "zou-donner"} <= set(SOURCES)
