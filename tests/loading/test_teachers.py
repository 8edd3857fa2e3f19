"""Teachers of few-step students: what a student takes over, and what must agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ddpm.config import with_overrides
from ddpm.errors import RequestError
from ddpm.loading.initial_weights import open_initial_weights
from ddpm.loading.models import OpenedModel, open_model
from ddpm.loading.teachers import (
    check_teacher,
    find_teacher,
    model_factory,
    save_teacher,
    student_spec,
)
from ddpm.models.dcgan import Dcgan
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.presets import get_preset
from ddpm.runs import RunFolder

RUN = RunFolder(Path("runs") / "student")
CPU = torch.device("cpu")


@pytest.fixture
def teacher(small_ddpm: Callable[..., Ddpm]) -> Ddpm:
    return small_ddpm(awake=True, classes=2)


@pytest.fixture
def spec(teacher: Ddpm) -> ModelSpec:
    """The spec of a student of other images of the same kind."""
    config = replace(teacher.spec.config, model="student")
    return replace(teacher.spec, config=config, data_std=0.1, class_counts=(1, 9))


def test_a_student_has_the_teacher_s_statistics_and_its_own_configuration(
    teacher: Ddpm, spec: ModelSpec
) -> None:
    found = student_spec(teacher, spec)
    assert found == replace(teacher.spec, config=spec.config)
    assert student_spec(None, spec) is spec


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda spec: replace(spec, image_shape=(3, 8, 8)),
            "are 3x8x8, but the teacher generates 1x8x8",
        ),
        (
            lambda spec: replace(spec, class_names=("x", "y")),
            "has the classes class 0, class 1, but",
        ),
        (
            lambda spec: spec.with_config(with_overrides(spec.config, ["diffusion.num_steps=30"])),
            "which are diffusion.schedule=cosine, diffusion.num_steps=20; leave these settings out",
        ),
    ],
)
def test_images_classes_and_levels_must_be_the_teacher_s(
    teacher: Ddpm, spec: ModelSpec, change: Callable[[ModelSpec], ModelSpec], words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        student_spec(teacher, change(spec))


def test_betas_are_noise_levels_too(small_ddpm: Callable[..., Ddpm]) -> None:
    teacher = small_ddpm("diffusion.schedule=linear", "diffusion.objective=v")
    config = with_overrides(teacher.spec.config, ["diffusion.beta_end=0.01"])
    with pytest.raises(RequestError, match=r"beta_start=0\.0001, .*beta_end=0\.02; leave"):
        student_spec(teacher, teacher.spec.with_config(config))


def test_the_teacher_is_saved_once_and_found_in_the_run(teacher: Ddpm, spec: ModelSpec) -> None:
    RUN.root.mkdir(parents=True)
    with pytest.raises(RequestError, match=r"needs another model; use: ddpm distill RUN"):
        find_teacher(RUN, spec.config, None, "cpu")
    save_teacher(RUN, teacher, guided=True)
    before = RUN.teacher.stat()
    save_teacher(RUN, teacher, guided=True)
    assert RUN.teacher.stat() == before
    found = find_teacher(RUN, spec.config, "nowhere", "cpu")
    assert found is not None and found.spec == teacher.spec
    weights = teacher.averaged_weights()
    assert all(torch.equal(x, weights[name]) for name, x in found.averaged_weights().items())
    assert find_teacher(RUN, teacher.spec.config, None, "cpu") is None  # no student


def test_every_model_of_the_run_starts_from_its_teacher(teacher: Ddpm, spec: ModelSpec) -> None:
    model = model_factory(teacher)(student_spec(teacher, spec), CPU)
    started = open_initial_weights("a name", teacher).state["ema"]
    model.load_state({"ema": started})
    weights = teacher.averaged_weights()
    assert all(torch.equal(x, weights[name]) for name, x in model.averaged_weights().items())


def test_a_gan_is_no_teacher() -> None:
    config = with_overrides(get_preset("dcgan-mnist").config, ["gan.channels=8"])
    gan = Dcgan(ModelSpec(config, (1, 28, 28), (0.0,), 0.5))
    with pytest.raises(RequestError, match=r"gan is a DCGAN, but only a diffusion model"):
        check_teacher(OpenedModel(gan, "gan", "a gan", None))
    assert check_teacher(open_model("bundled:digits", "cpu")).spec.config.model == "ddpm"
