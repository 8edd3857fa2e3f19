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
from ddpm.loading.guides import guide_weights
from ddpm.loading.models import OpenedModel, open_model
from ddpm.models.autoguidance import Guides, guide_is_bundled
from ddpm.models.base import DiffusionModel, GenerativeModel, TaughtModel, as_diffusion
from ddpm.models.fingerprint import tensors_hash, weights_hash
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.networks.denoising_network import DenoisingNetwork
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import save_weights

ModelFactory = Callable[[ModelSpec, torch.device], GenerativeModel]


def check_teacher(opened: OpenedModel) -> DiffusionModel:
    """Return the opened model as a teacher; RequestError if it is no diffusion model."""
    teacher, family = as_diffusion(opened.model), opened.model.spec.config.family
    if teacher is None:
        raise RequestError(
            f"{opened.name} is {family.noun}, but only a diffusion model can be distilled or polished; pass "
            f"{family.required_model}."
        )
    return teacher


def check_guide(teacher: DiffusionModel, name: str) -> None:
    """Raise RequestError if the guide of a teacher (called `name`) is missing, or if it cannot be saved."""
    own = teacher.spec.config.sampling
    if not own.autoguided:
        return
    if not isinstance(teacher.guide(own.guide).network, DenoisingNetwork):
        raise RequestError(
            f"{name} is guided by an ONNX file ({own.guide}), which a student's run cannot keep; name the "
            "run or the safetensors file that it was exported from, or distill with --guidance 1."
        )


def find_teacher(
    run: RunFolder,
    config: Config,
    name: str | None,
    device: str,
    prepare: Callable[[DiffusionModel], None] = lambda teacher: None,
) -> DiffusionModel | None:
    """Return the run's copy of its teacher, or else the model `name`; None if the run has no teacher.

    `prepare` is called with a teacher that a student learns from, before its guide is looked for.
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
    if has_copy:
        teacher = _open_copy(run, device, guided=family.is_distilled)
    else:
        teacher = check_teacher(open_model(str(name), device))
    if family.is_distilled:
        prepare(teacher)
        check_guide(teacher, str(name))
    environment = run.load_environment() if run.exists() else {}
    recorded = environment.get("teacher", {})
    hashes = _hashes(teacher, guided=family.is_distilled)
    if any(recorded.get(key) not in (None, value) for key, value in hashes.items()):
        raise _lost_error(run, teacher)
    return teacher


def _open_copy(run: RunFolder, device: str, *, guided: bool) -> DiffusionModel:
    """Return the run's copy of its teacher, with `guided` also with the copy of its guide."""
    teacher = check_teacher(open_model(str(run.teacher), device))
    own = teacher.spec.config.sampling
    if guided and own.autoguided and not guide_is_bundled(own):
        if not run.teacher_guide.is_file():
            raise _lost_error(run, teacher)
        guide = check_teacher(open_model(str(run.teacher_guide), device))
        teacher.guides = Guides(lambda name: guide.averaged)
    return teacher


def _lost_error(run: RunFolder, teacher: DiffusionModel) -> RequestError:
    """Return the error for a run without the teacher, or the guide of the teacher, that it started with."""
    files = run.teacher.name
    if teacher.spec.config.sampling.autoguided:
        files += f" or {run.teacher_guide.name}"
    return RequestError(
        f"The teacher of {run.root} is lost: {files} is missing or altered. Restore it from a copy, or "
        "choose another --out."
    )


def check_same_teacher(run: RunFolder, teacher: DiffusionModel, name: str, *, guided: bool) -> None:
    """Raise RequestError if `run` started from a teacher other than `teacher` (called `name`).

    Teachers differ if their weights or the settings that change their trajectories differ; with `guided` also
    if their guides do.
    """
    if not run.teacher.is_file():
        return
    saved = _open_copy(run, "cpu", guided=guided)
    if _identity(saved, guided) != _identity(teacher, guided):
        raise RequestError(
            f"{name} has changed since {run.root} was started (trained further, or other sampling "
            "settings). Choose another --out to start again, or continue with the saved teacher: ddpm "
            f"train {shlex.quote(str(run.root))}"
        )


def _identity(teacher: DiffusionModel, guided: bool) -> tuple[Any, ...]:
    """Return values that determine a teacher's trajectories; solver and steps come from the student."""
    own = teacher.spec.config.sampling
    return (
        _hashes(teacher, guided=guided),
        own.guidance,
        own.guidance_interval,
        own.guide,
        own.guide_scale,
        own.guidance_rescale,
        own.classifier_guidance,
        own.clip,
    )


def _hashes(teacher: DiffusionModel, *, guided: bool) -> dict[str, str]:
    """Return the hashes of the weights of the teacher and, with `guided`, of its guide if it has one."""
    own, hashes = teacher.spec.config.sampling, {"weights": weights_hash(teacher)}
    if guided and own.autoguided:
        hashes["guide"] = tensors_hash(teacher.guide(own.guide).network.state_dict())
    return hashes


def save_teacher(run: RunFolder, teacher: DiffusionModel | None, *, guided: bool) -> None:
    """Save the teacher's averaged weights in the run folder, if they are not there yet.

    With `guided` also those of its guide, if it has one that is not bundled with the package.
    """
    if teacher is None or run.teacher.is_file():
        return
    own = teacher.spec.config.sampling
    if guided and own.autoguided and not guide_is_bundled(own):
        weights, spec = guide_weights(
            teacher, lambda target, device: open_model(target, device).model
        )
        with atomic_file(run.teacher_guide) as temporary:
            save_weights(temporary, weights, spec)
    with atomic_file(run.teacher) as temporary:
        save_weights(temporary, teacher.averaged_weights(), teacher.spec)


def teacher_facts(
    teacher: DiffusionModel | None, name: str | None, *, guided: bool
) -> dict[str, Any]:
    """Return the entry `teacher` of environment.json: its name, its hashes and its sampling settings."""
    if teacher is None:
        return {}
    sampling = teacher.describe_sampling(teacher.spec.config.sampling)
    return {"teacher": {"name": name, **_hashes(teacher, guided=guided), "drawn": sampling}}


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
    levels = theirs.config.diffusion.levels
    if spec.config.diffusion.levels != levels:
        known = ", ".join(f"diffusion.{key}={value}" for key, value in levels.items())
        raise RequestError(
            f"This run has the noise levels of its teacher, which are {known}; leave these settings out."
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
