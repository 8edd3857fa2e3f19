"""Levels of few-step students, and the settings under which their network is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ddpm.config import SamplingConfig, SpacingName, StudentConfig
from ddpm.diffusion.levels import noise_levels
from ddpm.diffusion.samplers import ddim, lcm
from ddpm.diffusion.schedules import make_schedule
from ddpm.models.few_step_sampling import (
    jump_sampler,
    student_levels,
    student_settings,
    teacher_levels,
)
from ddpm.models.spec import ModelSpec


@pytest.mark.parametrize("spacing", ["trailing", "compact"])
@pytest.mark.parametrize("jumps", [1, 2, 3, 4, 5, 8])
def test_a_student_visits_levels_of_its_teacher(
    small_spec: Callable[..., ModelSpec], jumps: int, spacing: SpacingName
) -> None:
    spec = small_spec()
    spec = spec.with_config(replace(spec.config, student=StudentConfig(jumps, spacing=spacing)))
    schedule = make_schedule("cosine", 20)
    teacher, own = teacher_levels(spec, schedule), student_levels(spec, schedule)
    assert len(own) == jumps and len(teacher) >= 8 and len(teacher) % jumps == 0
    assert set(own.t.tolist()) <= set(teacher.t.tolist())
    assert own.sigma[-1] == 0 and len(teacher) >= 2 * jumps
    expected = noise_levels(schedule, len(teacher), spacing)
    assert torch.equal(teacher.t, expected.t)


def test_its_target_decides_the_sampler(small_spec: Callable[..., ModelSpec]) -> None:
    spec = small_spec()
    images = spec.with_config(replace(spec.config, student=StudentConfig(2, target="image")))
    assert jump_sampler(spec) is ddim and jump_sampler(images) is lcm


def test_nothing_is_added_to_the_output_of_its_network() -> None:
    given = SamplingConfig(guidance=3.0, guide="step:1", classifier_guidance=2.0, clip="dynamic")
    found = student_settings(given)
    assert (found.guidance, found.guide, found.classifier_guidance, found.clip) == (
        1,
        "",
        0,
        "none",
    )
