"""Teachers of few-step students and references of polished models.

They are found or loaded, saved in the run folder, and attached to the models that learn from them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from ddpm.config import Config
from ddpm.errors import RequestError
from ddpm.files import atomic_file
from ddpm.loading.models import OpenedModel, open_model
from ddpm.models.autoguidance import guide_is_bundled
from ddpm.models.base import DiffusionModel, GenerativeModel, TaughtModel, as_diffusion
from ddpm.models.fingerprint import weights_hash
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import save_weights

ModelFactory = Callable[[ModelSpec, torch.device], GenerativeModel]


def check_teacher(opened: OpenedModel, *, guided: bool = True) -> DiffusionModel:
    """Return the opened model as a teacher; RequestError if it cannot be one.

    With `guided`, a student learns from it as it samples, with its guide.
    """
    teacher, family = as_diffusion(opened.model), opened.model.spec.config.family
    if teacher is None:
        raise RequestError(
            f"{opened.name} is {family.noun}, but only a diffusion model can be distilled or polished; pass "
            f"{family.required_model}."
        )
    own = teacher.spec.config.sampling
    if guided and own.autoguided and not guide_is_bundled(own):
        raise RequestError(
            f"{opened.name} is guided by {own.guide} (sampling.guide), which a student cannot use; set "
            'sampling.guide to "" in the teacher\'s config.json.'
        )
    return teacher


def find_teacher(
    run: RunFolder, config: Config, name: str | None, device: str
) -> DiffusionModel | None:
    """Return the run's copy of its teacher, or else the model `name`; None if the run has no teacher.

    RequestError if there is no teacher, or if it is not the one that the run started with.
    """
    family = config.family
    if not family.has_teacher:
        return None
    has_copy = run.teacher.is_file()
    if not has_copy and name is None:
        raise RequestError(
            f"Training {family.noun} needs another model; use: ddpm {family.command} RUN"
        )
    opened = open_model(str(run.teacher) if has_copy else str(name), device)
    teacher = check_teacher(opened, guided=family.is_distilled)
    environment = run.load_environment() if run.exists() else {}
    recorded = environment.get("teacher", {}).get("weights")
    if recorded not in (None, weights_hash(teacher)):
        raise RequestError(
            f"The teacher of {run.root} is lost: {run.teacher.name} is missing or altered. Restore it from a "
            "copy, or choose another --out."
        )
    return teacher


def check_same_teacher(run: RunFolder, teacher: DiffusionModel, name: str) -> None:
    """Raise RequestError if `run` started from a teacher other than `teacher` (called `name`).

    Teachers differ if their weights or the settings that change their trajectories differ.
    """
    if not run.teacher.is_file():
        return
    saved = check_teacher(open_model(str(run.teacher), "cpu"), guided=False)
    if _identity(saved) != _identity(teacher):
        raise RequestError(
            f"{name} has changed since {run.root} was started (trained further, or other sampling "
            "settings). Choose another --out to start again, or continue with the saved teacher: ddpm "
            f"train {shlex.quote(str(run.root))}"
        )


def _identity(teacher: DiffusionModel) -> tuple[Any, ...]:
    """Return values that determine a teacher's trajectories; solver and steps come from the student."""
    own = teacher.spec.config.sampling
    return weights_hash(teacher), own.guidance, own.guidance_interval, own.guide, own.clip


def save_teacher(run: RunFolder, teacher: DiffusionModel | None) -> None:
    """Save the teacher's averaged weights in the run folder, if they are not there yet."""
    if teacher is not None and not run.teacher.is_file():
        with atomic_file(run.teacher) as temporary:
            save_weights(temporary, teacher.averaged_weights(), teacher.spec)


def teacher_facts(teacher: DiffusionModel | None, name: str | None) -> dict[str, Any]:
    """Return the entry `teacher` of environment.json: its name, its hash and its sampling settings."""
    if teacher is None:
        return {}
    sampling = teacher.describe_sampling(teacher.spec.config.sampling)
    return {"teacher": {"name": name, "weights": weights_hash(teacher), "drawn": sampling}}


def model_factory(teacher: DiffusionModel | None) -> ModelFactory:
    """Return `make_model`, or a version of it that gives each model its teacher."""

    def make(spec: ModelSpec, device: torch.device) -> GenerativeModel:
        model = make_model(spec, device)
        if teacher is not None and isinstance(model, TaughtModel):
            model.set_teacher(teacher)
        return model

    return make


def student_spec(teacher: DiffusionModel | None, spec: ModelSpec) -> ModelSpec:
    """Return the specification of a student: the teacher's data statistics with the configuration of `spec`.

    Without a teacher, return `spec`. RequestError if images, classes or noise levels are not the teacher's,
    since both networks must use the same timesteps t.
    """
    if teacher is None:
        return spec
    theirs = teacher.spec
    diffusion = theirs.config.diffusion
    levels = (diffusion.schedule, diffusion.num_steps)
    if (spec.config.diffusion.schedule, spec.config.diffusion.num_steps) != levels:
        raise RequestError(
            "This run has the noise levels of its teacher, which are diffusion.schedule="
            f"{levels[0]} and diffusion.num_steps={levels[1]}; leave both settings out."
        )
    if spec.image_shape != theirs.image_shape:
        given, expected = ("x".join(map(str, s.image_shape)) for s in (spec, theirs))
        raise RequestError(
            f"The images are {given}, but the teacher generates {expected}; pass the teacher's training "
            "images with --data."
        )
    if theirs.num_classes and spec.class_names != theirs.class_names:
        raise RequestError(
            f"The teacher has the classes {', '.join(theirs.class_names)}, but these images do not; pass "
            "the teacher's training images with --data."
        )
    return replace(theirs, config=spec.config)
