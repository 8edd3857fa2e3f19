"""Sampling settings: overrides, usual steps of samplers, previews and animations."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ddpm.api import build_model
from ddpm.config import SamplingConfig, with_overrides
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.messages import sentence
from ddpm.presets import get_preset
from ddpm.sampling.settings import (
    animation_settings,
    check_steps,
    preview_settings,
    resolve_settings,
    settings_suffix,
)

QUICK = ["sampling.steps=3"]


def test_a_sampler_takes_its_usual_steps() -> None:
    model = open_model("digits", "cpu").model
    assert resolve_settings(model, []) == model.spec.config.sampling
    ancestral = resolve_settings(model, ["sampling.sampler=ancestral"])
    assert (ancestral.steps, ancestral.spacing) == (1000, "uniform")  # Algorithm 2
    assert resolve_settings(model, ["sampling.sampler=ddim"]).steps == 50
    assert resolve_settings(model, ["sampling.sampler=ddim", "sampling.steps=7"]).steps == 7
    for sampler, spacing in ("heun", "compact"), ("ancestral", "uniform"):  # with a number as well
        given = [f"sampling.sampler={sampler}", "sampling.steps=4"]
        few = resolve_settings(model, given)
        assert (few.sampler, few.steps, few.spacing) == (sampler, 4, spacing)
        assert resolve_settings(model, [*given, "sampling.spacing=karras"]).spacing == "karras"
    assert sentence(model.describe_sampling(resolve_settings(model, QUICK))) == "dpm++2m, 3 steps"
    with pytest.raises(RequestError, match=r"only sampling\.\*"):
        resolve_settings(model, ["training.steps=3"])


def test_a_model_without_labels_refuses_guidance() -> None:
    images = torch.randint(0, 256, (4, 1, 8, 8), dtype=torch.uint8)
    model = build_model("mnist", images, device="cpu")  # the preset guides
    assert model.spec.config.sampling.guidance != 1 and model.spec.config.sampling.guide == ""
    assert "guidance" not in sentence(model.describe_sampling(model.spec.config.sampling))
    assert resolve_settings(model, ["sampling.guidance=1"]).guidance == 1
    with pytest.raises(RequestError, match="guidance has no effect"):
        resolve_settings(model, ["sampling.guidance=3"])
    labelled = open_model("digits", "cpu").model
    guided = labelled.describe_sampling(resolve_settings(labelled, ["sampling.guidance=3"]))
    assert sentence(guided).endswith("guidance 3")


def test_an_animation_takes_at_least_twenty_steps() -> None:
    model = open_model("bundled:mnist", "cpu").model
    own = model.spec.config.sampling
    assert own.steps == 10 and animation_settings(model, own) == replace(own, steps=20)
    assert animation_settings(model, replace(own, steps=50)).steps == 50
    config = with_overrides(
        get_preset("digits").config, ["diffusion.num_steps=9", "sampling.steps=4"]
    )
    short = build_model(config, torch.zeros(4, 1, 8, 8, dtype=torch.uint8))
    assert animation_settings(short, replace(own, steps=4)).steps == 9


def test_more_steps_than_noise_levels_are_refused() -> None:
    model = open_model("digits", "cpu").model
    check_steps(model, SamplingConfig(steps=1000))
    with pytest.raises(RequestError, match="--steps 1001 is more than the 1000 noise levels"):
        check_steps(model, SamplingConfig(steps=1001))


def test_a_preview_is_quick_and_has_no_guide() -> None:
    settings = SamplingConfig(sampler="ancestral", steps=1000, guide="step:3", guidance=2.0)
    preview = preview_settings(settings)
    assert preview.sampler == "unipc" and preview.steps < 20 and not preview.autoguided
    assert preview_settings(replace(settings, steps=2)).steps == 2


def test_overrides_become_part_of_a_file_name() -> None:
    assert settings_suffix([]) == ""
    overrides = ["sampling.steps=50", "sampling.sampler=ddim", "sampling.chunk=4"]
    assert settings_suffix(overrides) == "-ddim-steps-50"
    assert (
        settings_suffix(["sampling.guidance_interval=[0.2, 0.9]"]) == "-guidance-interval-0.2-0.9"
    )
