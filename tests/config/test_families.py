"""The table of model families: the rows agree with the configuration, and each requirement refuses."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from ddpm.config import Config, SamplingConfig, check, get_value, with_overrides
from ddpm.config.families import FAMILIES, SECTION_OWNERS, family_of
from ddpm.errors import RequestError
from ddpm.presets import PRESETS

WRONG = {
    "training.compile": "on",
    "data.labels": True,
    "data.augment": 0.1,
    "training.accumulate": 2,
    "training.posthoc_ema": 8,
    "training.batch_size": 1,
    "diffusion.weighting": "p2",
}
REQUIREMENTS = [
    (name, requirement) for name, family in FAMILIES.items() for requirement in family.requirements
]


def healthy(family: str) -> Config:
    """A configuration that is right: of a preset, or that of a model which starts from another."""
    found = (p.config for p in PRESETS.values() if p.config.model == family)
    return next(found, Config(model=family))  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "requirement"), REQUIREMENTS)
def test_a_value_that_breaks_a_requirement_is_refused_with_its_message(
    name: str, requirement: Any
) -> None:
    config = healthy(name)
    check(config)
    section, key = requirement.key.split(".")
    wrong = replace(getattr(config, section), **{key: WRONG[requirement.key]})
    with pytest.raises(RequestError) as refused:
        check(replace(config, **{section: wrong}))
    assert str(refused.value) == requirement.message


@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_names_what_the_configuration_has(name: str) -> None:
    family, config = FAMILIES[name], Config()
    assert all(hasattr(config, section) for section in family.sections)
    assert not family.width_key or isinstance(get_value(config, family.width_key), int)
    known = {field.name for field in fields(SamplingConfig)}
    assert set(family.sampling_keys or ()) <= known
    assert family.noun.startswith("a ")
    for requirement in family.requirements:
        get_value(config, requirement.key)


def test_sections_of_few_families_say_whose_they_are() -> None:
    shared = set.intersection(*(set(family.sections) for family in FAMILIES.values()))
    others = {section for family in FAMILIES.values() for section in family.sections} - shared
    assert set(SECTION_OWNERS) == others - {"sampling"}


def test_the_family_of_a_file_is_found_or_unknown() -> None:
    assert family_of(with_overrides(Config(), []).to_dict()) is FAMILIES["ddpm"]
    assert family_of({"model": "pixels"}) is None and family_of({}) is None
