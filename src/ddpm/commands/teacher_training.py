"""Training of a run that starts from another model: shared by `ddpm distill` and `ddpm polish`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ddpm.commands.train import train
from ddpm.config import Config, with_overrides
from ddpm.loading.recipes import check_options_once


class TeacherTraining(Protocol):
    """Arguments of a training that starts from a model. Without a total the command chooses the steps."""

    @property
    def target(self) -> str:
        """A run, a weights file or bundled weights."""

    @property
    def data(self) -> str | None:
        """Training images; None: those of the model."""

    @property
    def minutes(self) -> float | None:
        """Total training time, approximately."""

    @property
    def steps(self) -> int | None:
        """Total number of optimizer steps."""

    @property
    def overrides(self) -> Sequence[str]:
        """Settings KEY=VALUE."""

    @property
    def device(self) -> str:
        """auto, cpu, cuda or mps."""


def check_one_total(request: TeacherTraining) -> None:
    """Raise RequestError if the length of the training is given more than once."""
    options = {"--minutes": request.minutes, "--steps": request.steps}
    check_options_once(options, request.overrides)


def with_trained_steps(model: Config, step: int | None) -> Config:
    """Return a model's configuration with the steps that it has trained, if fewer than planned."""
    planned = model.training.steps
    return replace(model, training=replace(model.training, steps=min(planned, step or planned)))


def train_from(request: TeacherTraining, recipe: Config, out: Path) -> train.Outcome:
    """Train `recipe`, with what `request` changes in it, into `out` from the model `request.target`."""
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
