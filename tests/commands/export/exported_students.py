"""Few-step students and self-conditioned models with random weights, for the tests of every format."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch

from ddpm.config import StudentConfig
from ddpm.loading.models import OpenedModel
from ddpm.models.ddpm import Ddpm
from ddpm.models.student import Student
from tests.commands.export.exported_folders import small_model

Target = Literal["jump", "image"]


def small_student(
    *overrides: str, jumps: int = 3, target: Target = "jump", classes: int = 0
) -> OpenedModel:
    """A student whose network has random weights."""
    teacher = small_model(*overrides, classes=classes).model
    spec = teacher.spec
    config = replace(
        spec.config, model="student", student=StudentConfig(jumps, target, spacing="compact")
    )
    student = Student(spec.with_config(config))
    student.load_state({"ema": teacher.averaged_weights()})
    return OpenedModel(student, "pupil", "the model pupil", None)


def self_conditioned(*overrides: str, classes: int = 0) -> OpenedModel:
    """A model whose network sees its previous prediction, and whose images depend on it."""
    opened = small_model("network.self_conditioning=true", *overrides, classes=classes)
    model = opened.model
    assert isinstance(model, Ddpm)
    network = model.averaged.network
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
        x, t = torch.linspace(-1, 1, 64).view(1, 1, 8, 8), torch.tensor([500])
        difference = network(torch.cat([x, 0.5 * x.mT], 1), t) - network(x, t)
    assert float(difference.abs().max()) > 0.02
    return opened
