"""`ddpm distill`: from a diffusion model a student that draws in one to four evaluations of its network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ddpm.commands.train import train
from ddpm.commands.verb_function import takes_fields
from ddpm.config import Config, SamplingConfig, StudentConfig, with_overrides
from ddpm.diffusion.distillation import teacher_steps
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.loading.teachers import check_same_teacher, check_teacher
from ddpm.runs import RUNS_FOLDER, RunFolder

SHARE = 0.2  # of its teacher's training time, what a student takes unless told otherwise


@dataclass(frozen=True)
class DistillRequest:
    """Whose student, where it goes, for how long (unless told otherwise SHARE of its teacher's time)."""

    target: str  # a run, a weights file or bundled weights
    out: Path | None = None  # runs/NAME-few
    evaluations: int = StudentConfig.evaluations  # that an image takes
    data: str | None = None  # None: those of the teacher
    minutes: float | None = None
    steps: int | None = None
    overrides: Sequence[str] = ()
    device: str = "auto"


@takes_fields(DistillRequest)
def distill(request: DistillRequest) -> train.Outcome:
    """Train a few-step student of a diffusion model, or resume the one in `out`.

    RequestError: the target cannot teach, or is not the teacher of the student in `out`.

    >>> outcome = ddpm.distill("runs/digits", Path("runs/digits-few"), steps=2)
    >>> outcome.step, outcome.exit_status
    (2, 0)
    """
    opened = open_model(request.target, "cpu")
    teacher = check_teacher(opened)
    out = request.out or RUNS_FOLDER / f"{opened.name}-few"
    check_same_teacher(RunFolder(out), teacher, request.target)
    if any(text.split("=")[0].strip() == "student.evaluations" for text in request.overrides):
        raise RequestError(
            "The length of the training depends on student.evaluations; give it by --evaluations, not --set."
        )
    recipe = student_config(_as_trained(teacher.spec.config, opened.step), request.evaluations)
    config = with_overrides(recipe, request.overrides)
    if request.data is not None:
        config = replace(config, data=replace(config.data, path=request.data))
    training = config.training
    if request.minutes is not None:
        training = replace(training, minutes=request.minutes)
    if request.steps is not None:
        training = replace(training, steps=request.steps)
    config = replace(config, training=training)
    return train.train(config, out, init=request.target, device=request.device)


def _as_trained(teacher: Config, step: int | None) -> Config:
    """The teacher's configuration with the steps that it has had, which may be fewer than were planned."""
    planned = teacher.training.steps
    return replace(teacher, training=replace(teacher.training, steps=min(planned, step or planned)))


def student_config(teacher: Config, evaluations: int) -> Config:
    """The recipe of a student: its teacher's network and data, an optimizer for short trainings.

    docs/speedrun.md holds what was tried. Where the teacher predicts noise the student predicts v, since
    at the first jump, which begins in pure noise, that noise says nothing of the image.
    """
    diffusion, own = teacher.diffusion, teacher.training
    objective = "v" if diffusion.objective == "noise" else diffusion.objective
    return replace(
        teacher,
        model="student",
        student=StudentConfig(evaluations),
        data=replace(teacher.data, augment=0.0, flip=False, shift=0, crop=0.0),
        network=replace(teacher.network, dropout=0.0),
        diffusion=replace(diffusion, objective=objective),
        training=replace(
            own,
            steps=default_steps(teacher, evaluations),
            minutes=0.0,
            epochs=0.0,
            optimizer="muon",
            learning_rate=2.5e-3,
            betas=(0.9, 0.99),
            weight_decay=0.0,
            warmup=20,
            decay="cosine",
            clip=1.0,
            ema=0.98,
            posthoc_ema=0,
            compile="auto",
            checkpoint_every=50,
            preview_every=50,
            heldout_every=50,
        ),
        sampling=SamplingConfig(
            sampler="ddim",
            steps=evaluations,
            spacing="trailing",
            clip="none",
            chunk=teacher.sampling.chunk,
        ),
    )


def default_steps(teacher: Config, evaluations: int) -> int:
    """As many steps as take SHARE of the teacher's time: a student's step holds the teacher's walks too.

    An image of a batch costs three evaluations forward and back. A walk gives as many points as there
    are jumps, and asks once a step, twice where it is guided.
    """
    sampling = teacher.sampling
    low, high = sampling.guidance_interval
    guided = sampling.autoguided or (teacher.data.labels and sampling.guidance != 1)
    asked = teacher_steps(evaluations) * (1 + (high - low if guided else 0.0))
    return max(1, round(SHARE * teacher.training.steps / (1 + asked / (3 * evaluations))))
