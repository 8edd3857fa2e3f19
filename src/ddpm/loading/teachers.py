"""A student's teacher: found once, kept in the run's folder, given to every model that trains there."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from ddpm.config import Config
from ddpm.errors import RequestError
from ddpm.files import replacing
from ddpm.loading.models import OpenedModel, load_initial_weights, open_model
from ddpm.models.autoguidance import guide_is_bundled
from ddpm.models.base import DiffusionModel, DistilledModel, GenerativeModel, as_diffusion
from ddpm.models.fingerprint import weights_hash
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.optim.state import State
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import save_weights

ModelFactory = Callable[[ModelSpec, torch.device], GenerativeModel]


def check_teacher(opened: OpenedModel) -> DiffusionModel:
    """Return the opened model as a teacher; RequestError if it cannot be one."""
    teacher, family = as_diffusion(opened.model), opened.model.spec.config.family
    if teacher is None:
        raise RequestError(
            f"{opened.name} is {family.noun}, which samples in few steps already; distill "
            f"{family.diffusion_model}."
        )
    own = teacher.spec.config.sampling
    if own.autoguided and not guide_is_bundled(own):
        raise RequestError(
            f"{opened.name} draws away from {own.guide} (sampling.guide), which a student cannot take "
            'along; set sampling.guide to "" in its config.json first.'
        )
    return teacher


def find_teacher(
    run: RunFolder, config: Config, named: str | None, device: str
) -> DiffusionModel | None:
    """The run's own copy of its teacher, else the model called `named`; None where no teacher is needed.

    RequestError where there is none, or another one than the run was begun with.
    """
    if not config.family.is_distilled:
        return None
    kept = run.teacher.is_file()
    if not kept and named is None:
        raise RequestError("A few-step student learns from a teacher: ddpm distill RUN.")
    teacher = check_teacher(open_model(str(run.teacher) if kept else str(named), device))
    before = run.load_environment().get("teacher", {}).get("weights")
    if before not in (None, weights_hash(teacher)):
        raise RequestError(
            f"The teacher that {run.root} was begun with is gone ({run.teacher.name} is missing or "
            "altered); bring it back from a copy, or choose another --out."
        )
    return teacher


def check_same_teacher(run: RunFolder, teacher: DiffusionModel, named: str) -> None:
    """RequestError where `run` learns from another teacher than the model called `named` is by now.

    Another one is other weights, or other settings of those that its walks are drawn with.
    """
    if not run.teacher.is_file():
        return
    kept = check_teacher(open_model(str(run.teacher), "cpu"))
    if _walking(kept) != _walking(teacher):
        raise RequestError(
            f"The student in {run.root} was begun with another teacher than {named} is now (trained since, "
            "or set to draw otherwise); choose another --out for a student of today's, or go on with the "
            f"one of then: ddpm train {shlex.quote(str(run.root))}."
        )


def _walking(teacher: DiffusionModel) -> tuple[Any, ...]:
    """What decides a teacher's walks: a student's walk has its own solver and steps."""
    own = teacher.spec.config.sampling
    return weights_hash(teacher), own.guidance, own.guidance_interval, own.guide, own.clip


def save_teacher(run: RunFolder, teacher: DiffusionModel | None) -> None:
    """Write the teacher into the run's folder, once: weights and settings of drawing."""
    if teacher is not None and not run.teacher.is_file():
        with replacing(run.teacher) as temporary:
            save_weights(temporary, teacher.averaged_weights(), teacher.spec)


def teacher_facts(teacher: DiffusionModel | None, named: str | None) -> dict[str, Any]:
    """For environment.json: what the user called the teacher, its hash, how it draws."""
    if teacher is None:
        return {}
    drawn = teacher.drawing(teacher.spec.config.sampling)
    return {"teacher": {"name": named, "weights": weights_hash(teacher), "drawn": drawn}}


def model_factory(teacher: DiffusionModel | None) -> ModelFactory:
    """`make_model`, with the teacher given to what it makes where there is one."""

    def make(spec: ModelSpec, device: torch.device) -> GenerativeModel:
        model = make_model(spec, device)
        if teacher is not None and isinstance(model, DistilledModel):
            model.learn_from(teacher)
        return model

    return make


def student_spec(teacher: DiffusionModel | None, spec: ModelSpec) -> ModelSpec:
    """A student's spec: what its teacher knew of the data; without a teacher `spec` as it is.

    RequestError where the data at hand are not of the teacher's kind, or the noise levels not its own:
    both networks are asked at the same t, and t means a level of the schedule.
    """
    if teacher is None:
        return spec
    known = teacher.spec
    taught = known.config.diffusion
    levels = (taught.schedule, taught.num_steps)
    if (spec.config.diffusion.schedule, spec.config.diffusion.num_steps) != levels:
        raise RequestError(
            "A few-step student walks on its teacher's noise levels, which are diffusion.schedule="
            f"{levels[0]} and diffusion.num_steps={levels[1]}; leave both to ddpm distill."
        )
    if spec.image_shape != known.image_shape:
        asked, drawn = ("x".join(map(str, s.image_shape)) for s in (spec, known))
        raise RequestError(
            f"The images are {asked}, but the teacher draws {drawn}; name the images that it learned "
            "from with --data."
        )
    if known.num_classes and spec.class_names != known.class_names:
        raise RequestError(
            f"The teacher draws the classes {', '.join(known.class_names)}, which these images do not "
            "have; name the images that it learned from with --data."
        )
    return replace(known, config=spec.config)


def starting_weights(teacher: DiffusionModel | None, init: str) -> State:
    """What training begins with: its teacher's average for a student, that of `init` for any other."""
    return load_initial_weights(init) if teacher is None else {"ema": teacher.averaged_weights()}
