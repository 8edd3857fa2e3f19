"""What a run must cite: by its own choices, each work once."""

from __future__ import annotations

import typing

import pytest

from ddpm.config import (
    ObjectiveName,
    SamplerName,
    ScheduleName,
    WeightingName,
    with_overrides,
)
from ddpm.presets import PRESETS, get_preset
from ddpm.reporting.works import WORKS, works_of


def cited(preset: str, *overrides: str) -> list[str]:
    return works_of(with_overrides(get_preset(preset).config, overrides).to_dict())


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_cites_its_model_first_and_nothing_twice(preset: str) -> None:
    found = cited(preset)
    family = "Radford" if get_preset(preset).config.model == "dcgan" else "Ho, A. Jain"
    assert family in found[0]
    assert len(found) == len(set(found)) > 1


def test_the_courses_own_settings_need_ho_the_unet_and_adam_alone() -> None:
    assert cited("mnist-assignment") == [WORKS["ddpm"], WORKS["unet"], WORKS["adam"]]


@pytest.mark.parametrize(
    ("override", "author"),
    [
        ("diffusion.schedule=sigmoid", "Jabri"),
        ("diffusion.objective=velocity", "Lipman"),
        ("diffusion.weighting=min-snr", "Hang"),
        ("diffusion.weighting=p2", "Choi"),
        ("sampling.sampler=ddim", "Ermon"),
        ("sampling.sampler=heun", "Karras"),
        ("sampling.sampler=dpm++2m-sde", "C. Lu"),
        ("sampling.sampler=unipc", "Zhao"),
        ("training.optimizer=adamw", "Loshchilov"),
    ],
)
def test_a_choice_brings_its_work(override: str, author: str) -> None:
    base = ["diffusion.schedule=linear", "diffusion.objective=noise", "sampling.sampler=ancestral"]
    base += ["sampling.steps=100", "training.optimizer=adam", "sampling.guidance=1"]
    assert not any(author in work for work in cited("mnist", *base))
    assert any(author in work for work in cited("mnist", *base, override))


def test_guidance_is_cited_where_it_acts() -> None:
    def guided(*overrides: str) -> list[bool]:
        found = cited("mnist", *overrides)
        return [WORKS["guidance"] in found, WORKS["interval"] in found]

    assert guided() == [True, True]
    assert guided("sampling.guidance_interval=[0, 1]") == [True, False]
    assert guided("sampling.guidance=1") == guided("data.labels=false") == [False, False]


def test_every_choice_that_has_a_paper_of_its_own_is_known() -> None:
    plain = {"linear", "noise", "x0", "simple", "ancestral"}  # Ho et al. 2020
    for names in (ScheduleName, ObjectiveName, WeightingName, SamplerName):
        for name in set(typing.get_args(names)) - plain:
            key = {"velocity": "flow", "heun": "edm"}.get(name, name.split("2m")[0])
            assert key in WORKS, name
