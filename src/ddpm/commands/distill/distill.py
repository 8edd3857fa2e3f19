"""`ddpm distill`: train a student that samples in one to four network evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ddpm.commands.teacher_training import check_one_total, train_from, with_trained_steps
from ddpm.commands.train import train
from ddpm.commands.verb_function import takes_fields
from ddpm.config import Config, SamplingConfig, StudentConfig, with_overrides
from ddpm.diffusion.distillation import teacher_steps
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.loading.teachers import check_same_teacher, check_teacher
from ddpm.models.student import DRIFT_BATCHES
from ddpm.runs import RUNS_FOLDER, RunFolder
from ddpm.sampling.settings import set_guidance

TEACHER_TIME_SHARE = 0.2  # default training time of a student, as a share of its teacher's
DRIFT = {1: 0.6, 2: 0.4}  # evaluations: default student.drift
MIN_OF_CLASS = 12  # real images of a class in such a batch, below which a student does not drift


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
    usual = student_config(trained, request.evaluations, drift)
    asked = with_overrides(usual, request.overrides).student
    set_guidance(teacher, asked.guidance)
    out = request.out or RUNS_FOLDER / f"{opened.name}-few"
    check_same_teacher(RunFolder(out), teacher, request.target, guided=True)
    check_one_total(request)
    guided = replace(trained, sampling=teacher.spec.config.sampling)
    return train_from(request, student_config(guided, request.evaluations, asked.drift), out)


def default_drift(teacher: Config, evaluations: int, num_classes: int) -> float:
    """Return `student.drift` of a student: 0 if a batch would hold too few real images of each class."""
    batch_size = DRIFT_BATCHES * teacher.training.batch_size
    return DRIFT.get(evaluations, 0.0) if batch_size >= MIN_OF_CLASS * num_classes else 0.0


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
        student=StudentConfig(evaluations, drift=drift),
        data=replace(data, augment=0.0),
        network=replace(teacher.network, dropout=0.0),
        diffusion=replace(diffusion, objective=objective),
        training=replace(
            teacher.training,
            steps=default_steps(teacher, evaluations, drift),
            minutes=0.0,
            epochs=0.0,
            batch_size=(DRIFT_BATCHES if drift else 1) * teacher.training.batch_size,
            optimizer="muon",
            learning_rate=1e-3 if drift else 2.5e-3,
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
    """Return the number of steps that take `TEACHER_TIME_SHARE` of the teacher's training time.

    In units of a forward pass, for each image of the teacher's batch: a training step costs three (forward
    and backward). The teacher's trajectory costs one per solver step, two if guided, three more with the
    gradient of a classifier, and gives one training image per jump. A drifting step compares two generated
    images with four real ones; a generated one costs the jumps, the way back through the last one, and the
    same through the teacher.
    """
    sampling = teacher.sampling
    low, high = sampling.guidance_interval
    is_guided = sampling.autoguided or (teacher.data.labels and sampling.guidance != 1)
    extra = (1 if is_guided else 0) + (3 if sampling.classifier_guidance else 0)
    passes = teacher_steps(evaluations) * (1 + (high - low) * extra)
    jump_step = 3 + passes / evaluations
    drift_step = 2 * (evaluations + 4) + 4
    mean = (1 - drift) * jump_step + drift * drift_step
    return max(1, round(TEACHER_TIME_SHARE * teacher.training.steps * 3 / mean))
