"""Cases for the rules of the doctor: presets with some settings and facts changed, and logs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ddpm.commands.doctor.case import Case
from ddpm.config import with_overrides
from ddpm.presets import PRESETS

IMAGES = {"mnist": 60_000, "anime": 20_000, "digits": 1_753}  # to train on


def case(name: str = "mnist", *overrides: str, scale: str = "cpu", **known: Any) -> Case:
    """A preset's case, its images known, with some settings and facts changed."""
    config = with_overrides(PRESETS[name].config_for(scale), overrides)  # type: ignore[arg-type]
    images = known.pop("images", IMAGES.get(config.data.path, 5_000))
    training = config.training
    epochs = math.ceil(training.epochs * images / training.batch_size)
    given = {"given": images, "used": images, "channels": 1, "broken": 0}
    size = config.data.size if config.data.size != "auto" else "64x64"
    data = {**given, "size": str(size), **known.pop("data", {})}
    return replace(
        Case(config, steps=epochs or training.steps, images=images, data=data, duplicates=0),
        **known,
    )


def losses(*values: float, key: str = "loss", every: int = 1) -> list[dict[str, Any]]:
    return [{"step": every * (i + 1), key: value} for i, value in enumerate(values)]


def falling(count: int = 400, key: str = "loss") -> list[dict[str, Any]]:
    return losses(*(1 / (1 + i / 20) + 0.05 + 0.01 * (-1) ** i for i in range(count)), key=key)


def turning() -> list[dict[str, Any]]:
    """A held-out loss that falls to step 10 and has risen again by step 20."""
    falls, rises = [1 / i for i in range(1, 11)], [0.1 + i / 50 for i in range(10)]
    return losses(*falls, *rises, key="heldout_loss")
