"""Commands that reproduce a run and its numbers, derived from its configuration."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ddpm.commands.options import command_line
from ddpm.config import Config, differing_keys, get_value
from ddpm.data.catalogue import data_name
from ddpm.loading.fine_tuning import FINE_TUNING_KEYS
from ddpm.presets import NO_WEIGHTS, PRESETS

_TOTALS = ("minutes", "epochs", "steps")
_OPTION_KEYS = {  # printed by options of their own, not by --set
    "preset", "scale", "data.path", *(f"training.{name}" for name in _TOTALS),
}  # fmt: skip


def train_command(run: Path, config: Config, init: str | None = None) -> str:
    """Return the command that trains a run: its preset, and all that differs from it.

    Data sets are printed by name, without folders. A student gives `ddpm distill TEACHER …`; `init`
    is its teacher.
    """
    if config.family.has_teacher:
        own: dict[str, Any] = {}
        if config.family.is_distilled:
            student = config.student
            own = {
                "evaluations": student.evaluations,
                "student.guidance": student.guidance or None,
                "overrides": (
                    f"student.spacing={student.spacing}",
                    f"student.drift={student.drift:g}",
                ),
            }
        steps = config.training.steps
        return _command(config.family.command, target=init, **own, steps=steps, out=run)
    preset = PRESETS.get(config.preset)
    base = preset.config_for(config.scale) if preset else Config()
    chooses_weights = preset is not None and bool(preset.weights)
    tuned = FINE_TUNING_KEYS if chooses_weights and init else ()
    all_images = config.data.all_images and not base.data.all_images
    printed = _OPTION_KEYS | ({"data.all_images"} if all_images else set())
    return _command(
        "train",
        target=config.preset if preset else "digits",
        data=data_name(config.data.path) if config.data.path != base.data.path else None,
        scale=config.scale if preset and preset.scales else None,
        **_total(config, base),
        init=init or (NO_WEIGHTS if chooses_weights else None),
        all_images=all_images,
        overrides=tuple(
            f"{key}={_value(get_value(config, key))}"
            for key in dict.fromkeys((*differing_keys(base, config), *tuned))
            if key not in printed
        ),
        out=run,
    )


def _command(verb: str, **values: Any) -> str:
    return command_line(verb, SimpleNamespace(**values))


def _total(config: Config, base: Config) -> dict[str, float]:
    """Return the option that gives the run's total; {} if its preset gives the same."""
    training = config.training
    name = next((name for name in _TOTALS if getattr(training, name)), "steps")
    total = getattr(training, name)
    default = next((other for other in ("epochs", "steps") if getattr(base.training, other)), "")
    same = name != "minutes" and name == default and total == getattr(base.training, name)
    return {} if same else {name: total}


def _value(value: Any) -> str:
    """Return a value as --set reads it: JSON, but a string without quotation marks."""
    if isinstance(value, str):
        return value
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def data_command(config: Config) -> str:
    """Return the command that prepares the data set and counts its images."""
    data = config.data
    values = {"size": data.size, "channels": str(data.channels), "all_images": data.all_images}
    return _command("data prepare", target=data_name(data.path), **values)


def forward_command(config: Config) -> str:
    """Return the command that draws the forward process on the training images."""
    target = data_name(config.data.path)
    return _command("forward", target=target, schedule=config.diffusion.schedule)


def sample_command(run: Path, *, gif: bool) -> str:
    """Return the command that samples images from the run."""
    return _command("sample", target=run, gif=gif)


def evaluate_command(run: Path) -> str:
    """Return the command that evaluates the run."""
    return _command("evaluate", target=run)
