"""`ddpm polish`: train a diffusion model on to tell real images from its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ddpm.commands.teacher_training import check_one_total, train_from, with_trained_steps
from ddpm.commands.train import train
from ddpm.commands.verb_function import takes_fields
from ddpm.config import Config, PolishConfig, without_guide
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.loading.teachers import check_same_teacher, check_teacher
from ddpm.runs import RUNS_FOLDER, RunFolder

STEP_SHARE = 0.1  # default number of steps, as a share of the model's


@dataclass(frozen=True)
class PolishRequest:
    """Arguments of `ddpm polish`. The default number of steps is `STEP_SHARE` of the model's."""

    target: str  # a run, a weights file or bundled weights
    out: Path | None = None  # None: runs/NAME-polished
    data: str | None = None  # None: the model's
    minutes: float | None = None
    steps: int | None = None
    overrides: Sequence[str] = ()
    device: str = "auto"


@takes_fields(PolishRequest)
def polish(request: PolishRequest) -> train.Outcome:
    """Train a diffusion model on as its own discriminator, or resume the run in `out`.

    Direct discriminative optimization (Zheng et al. 2025, arXiv:2503.01103). RequestError if the target is no
    diffusion model, has a learned variance, or has changed since the run in `out` started.

    >>> outcome = ddpm.polish("runs/digits", Path("runs/digits-polished"), steps=2)
    >>> outcome.step, outcome.exit_status
    (2, 0)
    """
    opened = open_model(request.target, "cpu")
    model = check_teacher(opened)
    if model.spec.config.diffusion.learned_variance:
        raise RequestError(
            f"{opened.name} has learned its variance, whose loss cannot tell real images from its own; "
            "polish a model that was trained with diffusion.learned_variance=false."
        )
    out = request.out or RUNS_FOLDER / f"{opened.name}-polished"
    check_same_teacher(RunFolder(out), model, request.target, guided=False)
    check_one_total(request)
    trained = with_trained_steps(model.spec.config, opened.step)
    return train_from(request, polished_config(trained), out)


def polished_config(model: Config) -> Config:
    """Return the configuration that polishes `model`: its network and data, and the loss of `polish`.

    The choices are measured in docs/speedrun.md. A batch holds as many generated images as real ones. Dropout
    would make the model worse than its reference on both.
    """
    sampling = without_guide(model.sampling)  # the guide is stored in the run of the model
    return replace(
        model,
        model="polished",
        polish=PolishConfig(),
        data=replace(model.data, augment=0.0),
        network=replace(model.network, dropout=0.0),
        diffusion=replace(  # plain noise and squared errors, which the loss of pairs takes
            model.diffusion,
            weighting="simple",
            huber=0.0,
            noise_candidates=1,
            noise_assignment=False,
            offset_noise=0.0,
        ),
        training=replace(
            model.training,
            steps=max(1, round(STEP_SHARE * model.training.steps)),
            minutes=0.0,
            epochs=0.0,
            batch_size=max(1, model.training.batch_size // 2),
            accumulate=1,
            optimizer="muon",
            learning_rate=5e-4,
            betas=(0.9, 0.99),
            weight_decay=0.0,
            warmup=20,
            decay="cosine",
            clip=1.0,
            ema=0.99,
            posthoc_ema=0,
            checkpoint_every=50,
            preview_every=50,
            heldout_every=50,
        ),
        sampling=sampling,
    )
