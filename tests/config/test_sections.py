"""The sections of a configuration: their names are those of the tables, their defaults are valid."""

from __future__ import annotations

import typing
from dataclasses import fields, is_dataclass

import pytest

from ddpm.config import (
    FAMILIES,
    Config,
    DataConfig,
    DiffusionConfig,
    NetworkConfig,
    SamplingConfig,
)
from ddpm.config.sections import TransformName


def test_the_names_in_the_configuration_are_the_names_in_the_tables() -> None:
    from ddpm.diffusion.levels import SPACINGS
    from ddpm.diffusion.objectives import OBJECTIVES, WEIGHTINGS
    from ddpm.diffusion.samplers import SAMPLERS
    from ddpm.diffusion.schedules import SCHEDULES
    from ddpm.diffusion.timesteps import TIME_SAMPLINGS
    from ddpm.models.augment_pipe import TRANSFORMS
    from ddpm.models.registry import MODELS
    from ddpm.networks.kinds import NETWORKS

    def choices(section: type, name: str) -> set[object]:
        return set(typing.get_args(typing.get_type_hints(section)[name]))

    assert choices(DiffusionConfig, "schedule") == set(SCHEDULES)
    assert choices(DiffusionConfig, "objective") == set(OBJECTIVES)
    assert choices(DiffusionConfig, "weighting") == set(WEIGHTINGS)
    assert choices(DiffusionConfig, "time_sampling") == set(TIME_SAMPLINGS)
    assert choices(SamplingConfig, "sampler") == set(SAMPLERS)
    assert choices(SamplingConfig, "spacing") == set(SPACINGS)
    assert choices(NetworkConfig, "kind") == set(NETWORKS)
    assert choices(Config, "model") == set(MODELS) == set(FAMILIES)
    assert set(typing.get_args(TransformName)) == set(TRANSFORMS)


def test_every_section_of_a_configuration_is_a_section_of_a_family() -> None:
    sections = {
        field.name for field in fields(Config) if is_dataclass(getattr(Config(), field.name))
    }
    assert sections == {name for family in FAMILIES.values() for name in family.sections}


@pytest.mark.parametrize(
    ("labels", "count"),
    [("kmeans:7", 7), ("kmeans:", 0), ("kmeans:x", 0), ("auto", 0), (True, 0), (False, 0)],
)
def test_clusters_are_the_number_behind_kmeans(labels: bool | str, count: int) -> None:
    assert DataConfig(labels=labels).clusters == count


def test_the_family_follows_from_the_model() -> None:
    assert Config(model="dcgan").family is FAMILIES["dcgan"]
    assert Config().has_reverse_process and not Config(model="dcgan").has_reverse_process
