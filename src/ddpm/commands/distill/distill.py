"""`ddpm distill`: train a student that samples in one to eight network evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ddpm.commands.teacher_training import check_one_total, train_from, with_trained_steps
from ddpm.commands.train import train
from ddpm.commands.verb_function import takes_fields
from ddpm.config import Config, SamplingConfig, SpacingName, StudentConfig, with_overrides
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.loading.teachers import check_guide, check_same_teacher, check_teacher
from ddpm.models.student_cost import DRIFT_BATCHES, mean_step_cost
from ddpm.models.teacher_features import has_blocks
from ddpm.runs import RUNS_FOLDER, RunFolder
from ddpm.sampling.settings import set_guidance

TEACHER_TIME_SHARE = 0.2  # default training time of a student, as a share of its teacher's
TEACHER_SPACING: SpacingName = "compact"  # as the presets sample
DEFAULT_DRIFT = {1: 0.5, 2: 0.3}  # evaluations: student.drift
USUAL_DRIFT = 0.2  # of other evaluations
MIN_OF_CLASS = 12  # real images of a class in a batch, below which a student does not drift
MAX_DRIFT_BATCH = (
    256  # all images of a drifting step are in memory at once, half as many with gradients
)


@dataclass(frozen=True)
class DistillRequest:
    """Arguments of `ddpm distill`. The default training time is `TEACHER_TIME_SHARE` of the teacher's."""

    target: str  # a run, a weights file or bundled weights
    out: Path | None = None  # None: runs/NAME-few
    evaluations: int = StudentConfig.evaluations  # of the network, per image
    data: str | None = None  # None: the teacher's
    minutes: float | None = None
    steps: int | None = None
    overrides: Sequence[str] = ()
    device: str = "auto"


@takes_fields(DistillRequest)
def distill(request: DistillRequest) -> train.Outcome:
    """Train a few-step student of a diffusion model, or resume the one in `out`.

    RequestError if the target cannot be a teacher, or if it has changed since the student in `out` started.

    >>> outcome = ddpm.distill("runs/digits", Path("runs/digits-few"), steps=2)
    >>> outcome.step, outcome.exit_status
    (2, 0)
    """
    if any(text.split("=")[0].strip() == "student.evaluations" for text in request.overrides):
        raise RequestError(
            "The training time depends on student.evaluations; use --evaluations instead of --set."
        )
    opened = open_model(request.target, "cpu")
    teacher = check_teacher(opened)
    trained = with_trained_steps(teacher.spec.config, opened.step)
    drift = default_drift(trained, request.evaluations, teacher.spec.num_classes)
    if not has_blocks(teacher):
        drift = 0.0
    usual = student_config(trained, request.evaluations, drift)
    asked = with_overrides(usual, request.overrides).student
    set_guidance(teacher, asked.guidance)
    check_guide(teacher, opened.name)
    out = request.out or RUNS_FOLDER / f"{opened.name}-few"
    check_same_teacher(RunFolder(out), teacher, request.target, guided=True)
    check_one_total(request)
    guided = replace(trained, sampling=teacher.spec.config.sampling)
    return train_from(request, student_config(guided, request.evaluations, asked.drift), out)


def default_drift(teacher: Config, evaluations: int, num_classes: int) -> float:
    """Return `student.drift` of a student: 0 if a batch would hold too few real images of each class."""
    if _drift_batch(teacher) < MIN_OF_CLASS * num_classes:
        return 0.0
    return DEFAULT_DRIFT.get(evaluations, USUAL_DRIFT)


def _drift_batch(teacher: Config) -> int:
    """Return the batch size of a student that drifts."""
    return min(DRIFT_BATCHES * teacher.training.batch_size, MAX_DRIFT_BATCH)


def student_config(teacher: Config, evaluations: int, drift: float = 0.0) -> Config:
    """Return the configuration of a student: the teacher's network and data, optimized in few steps.

    The choices are measured in docs/speedrun.md. If the teacher predicts noise, the student predicts v: its
    first jump starts from pure noise, and predicting that noise would not determine an image.
    """
    diffusion = teacher.diffusion
    objective = "v" if diffusion.objective == "noise" else diffusion.objective
    data = teacher.data if drift else replace(teacher.data, flip=False, shift=0, crop=0.0)
    return replace(
        teacher,
        model="student",
        student=StudentConfig(evaluations, spacing=TEACHER_SPACING, drift=drift),
        data=replace(data, augment=0.0),
        network=replace(teacher.network, dropout=0.0),
        diffusion=replace(diffusion, objective=objective),
        training=replace(
            teacher.training,
            steps=default_steps(teacher, evaluations, drift),
            minutes=0.0,
            epochs=0.0,
            batch_size=_drift_batch(teacher) if drift else teacher.training.batch_size,
            accumulate=1 if drift else teacher.training.accumulate,
            optimizer="muon",
            learning_rate=2.5e-3,
            betas=(0.9, 0.99),
            weight_decay=0.0,
            warmup=20,
            decay="cosine",
            clip=1.0,
            ema=0.99 if drift else 0.98,
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


def default_steps(teacher: Config, evaluations: int, drift: float = 0.0) -> int:
    """Return the number of steps that take `TEACHER_TIME_SHARE` of the teacher's training time."""
    mean = mean_step_cost(teacher, evaluations, drift)
    images = _drift_batch(teacher) / DRIFT_BATCHES if drift else teacher.training.batch_size
    share = TEACHER_TIME_SHARE * teacher.training.batch_size / images
    return max(1, round(share * teacher.training.steps * 3 / mean))
