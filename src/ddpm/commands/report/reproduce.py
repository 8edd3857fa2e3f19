"""Commands that reproduce a run and its numbers, derived from its configuration."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from ddpm.config import Config, differing_keys, get_value
from ddpm.data.catalogue import data_name
from ddpm.presets import PRESETS

_TOTALS = ("training.steps", "training.minutes", "training.epochs")
_WITH_OPTIONS = (
    "preset",
    "scale",
    "data.path",
    "data.all_images",
    *_TOTALS,
)  # not printed as --set


def train_command(run: Path, config: Config, init: str | None = None) -> str:
    """`ddpm train PRESET …`: the preset, its size where it has several, and whatever differs from it.

    Images by name alone, no folders. Of a few-step student `ddpm distill TEACHER …`; `init` is its teacher.
    """
    if config.family.is_distilled:
        asked = ["--evaluations", config.student.evaluations, "--steps", config.training.steps]
        return shlex.join(["ddpm", "distill", str(init), *map(str, asked), "--out", str(run)])
    preset = PRESETS.get(config.preset)
    base = preset.config_for(config.scale) if preset else Config()
    words = ["ddpm", "train", config.preset if preset else "digits"]
    words += ["--scale", config.scale] if preset and preset.scales else []
    if config.data.path != base.data.path:
        words += ["--data", data_name(config.data.path)]
    words += _total(config, base)
    words += ["--all-images"] if config.data.all_images and not base.data.all_images else []
    for key in differing_keys(base, config):
        if key not in _WITH_OPTIONS or (key == "data.all_images" and base.data.all_images):
            words += ["--set", f"{key}={_value(get_value(config, key))}"]
    words += ["--init", init] if init else []
    return shlex.join([*words, "--out", str(run)])


def _total(config: Config, base: Config) -> list[str]:
    training = config.training
    if training.minutes:
        return ["--minutes", f"{training.minutes:g}"]
    if training.epochs:
        same = training.epochs == base.training.epochs
        return [] if same else ["--epochs", f"{training.epochs:g}"]
    same = training.steps == base.training.steps and not base.training.epochs
    return [] if same else ["--steps", str(training.steps)]


def _value(value: Any) -> str:
    """Return a value as --set reads it: JSON, but a string without quotation marks."""
    return (
        value
        if isinstance(value, str)
        else json.dumps(list(value) if isinstance(value, tuple) else value)
    )


def data_command(config: Config) -> str:
    """Return the command that prepares and counts the images."""
    data = config.data
    words = ["ddpm", "data", "prepare", data_name(config.data.path)]
    words += ["--size", str(data.size)] if data.size != "auto" else []
    words += ["--channels", str(data.channels)] if data.channels != "auto" else []
    return shlex.join([*words, *(["--all-images"] if data.all_images else [])])


def forward_command(config: Config) -> str:
    return shlex.join(
        ["ddpm", "forward", data_name(config.data.path), "--schedule", config.diffusion.schedule]
    )


def sample_command(run: Path, *, gif: bool) -> str:
    return shlex.join(["ddpm", "sample", str(run), *(["--gif"] if gif else [])])


def evaluate_command(run: Path) -> str:
    return shlex.join(["ddpm", "evaluate", str(run)])
