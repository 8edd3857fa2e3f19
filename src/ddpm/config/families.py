"""config.families."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from ddpm.config.sections import Config, GanConfig, SamplingConfig
from ddpm.errors import RequestError

# model -> the settings of sampling that it listens to, where it does not to all of them
_HEARD = {"dcgan": ("chunk",), "student": ("chunk",)}


def check_used(config: Config, keys: Iterable[str]) -> None:
    """RequestError where a key is set that the model does not listen to."""
    for key in keys:
        section = key.split(".")[0]
        if config.model != "dcgan" and section == "gan":
            raise RequestError(
                f"{key} is a setting of a DCGAN; this is a diffusion model, whose own are network.* and "
                "diffusion.*."
            )
        if config.model != "student" and section == "student":
            raise RequestError(
                f"{key} is a setting of few-step students, which ddpm distill trains; leave it out."
            )
        if config.model == "dcgan" and section in ("network", "diffusion"):
            raise RequestError(
                f"{key} is a setting of a diffusion model; a DCGAN's own are "
                f"{', '.join(f'gan.{field.name}' for field in fields(GanConfig))}."
            )
        deaf = section == "sampling" and key.split(".")[-1] not in used_sampling(config)
        if deaf and config.model == "student":
            raise RequestError(
                f"{key} is a setting of diffusion models; a few-step student has its way of drawing by heart "
                f"({config.student.evaluations} evaluations, its teacher's guidance): leave it out, or train "
                "another one with ddpm distill."
            )
        if deaf and config.model == "dcgan":
            raise RequestError(
                f"{key} is a setting of diffusion models; a DCGAN draws in one pass of its generator: "
                "leave it out."
            )


def used_sampling(config: Config) -> tuple[str, ...]:
    """The settings of sampling that the model listens to."""
    return _HEARD.get(config.model, tuple(field.name for field in fields(SamplingConfig)))


def _check_student(config: Config) -> None:
    if config.student.evaluations > config.diffusion.num_steps:
        raise RequestError(
            f"student.evaluations is {config.student.evaluations}, but the schedule has only "
            f"{config.diffusion.num_steps} levels (diffusion.num_steps)."
        )
    if config.data.augment:
        raise RequestError(
            "A few-step student learns from its teacher's images, not from transformed ones: set "
            "data.augment=0."
        )


def _check_dcgan(config: Config) -> None:
    if config.data.labels:
        raise RequestError("A DCGAN learns no labels; set data.labels=false.")
    if config.data.augment:
        raise RequestError(
            "A DCGAN cannot be told of transforms, so it would draw them: set data.augment=0 and use "
            "data.flip, data.shift or data.crop."
        )
    if config.training.accumulate > 1:
        raise RequestError(
            "A DCGAN's batch normalization needs each batch whole: set training.accumulate=1, and a "
            "smaller training.batch_size where memory is short."
        )
    if config.training.posthoc_ema:
        raise RequestError(
            "A DCGAN has no averages to choose from later: set training.posthoc_ema=0."
        )
    if config.training.batch_size < 2:
        raise RequestError(
            "A DCGAN's batch normalization compares images: training.batch_size must be at least 2."
        )
