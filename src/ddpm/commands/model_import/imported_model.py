"""A model as another program stored it, in the terms of this one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ddpm.diffusion.schedules import SCHEDULES, make_schedule
from ddpm.errors import RequestError

FIRST_BETA, LAST_BETA = 1e-4, 0.02


@dataclass(frozen=True)
class ImportedModel:
    """Weights under the names of the network `kind`, and the settings that they need."""

    kind: str  # a name of `networks/kinds.NETWORKS`
    layout: str
    image_shape: tuple[int, int, int]  # C, H, W
    diffusion: dict[str, Any]  # settings of the section `diffusion`
    tensors: dict[str, Tensor]
    sampling: dict[str, Any] = field(default_factory=dict)  # settings of the section `sampling`
    source: str = ""  # the program, for messages
    num_classes: int = 0


def schedule_settings(betas: Tensor, origin: str) -> dict[str, Any]:
    """Return the settings of the schedule with these `betas` [T].

    RequestError if none of the schedules of this package has them.
    """
    steps = len(betas)
    if not 2 <= steps <= 100_000:
        raise RequestError(f"{origin} has {steps} noise levels; 2 to 100,000 are supported.")
    wanted = betas.to(torch.float64)
    first, last = (float(beta) * steps / 1000 for beta in (wanted[0], wanted[-1]))
    candidates: list[dict[str, Any]] = [
        {"schedule": name}
        for name in SCHEDULES
        if name not in ("flow", "edm")  # these have no betas
    ]
    if 1e-9 <= first <= last <= 0.999:
        candidates.append({"schedule": "linear", "beta_start": first, "beta_end": last})
    for settings in candidates:
        options = {name: value for name, value in settings.items() if name != "schedule"}
        schedule = make_schedule(settings["schedule"], steps, **options)
        if torch.allclose(schedule.betas, wanted, rtol=1e-3, atol=1e-6):
            return {**settings, "num_steps": steps}
    raise RequestError(
        f"{origin} was trained with a noise schedule that ddpm-studio does not have. Supported are "
        "the linear, cosine and sigmoid betas."
    )


def plain_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return schedule settings without betas that are the defaults."""
    defaults = {"beta_start": FIRST_BETA, "beta_end": LAST_BETA}
    return {
        name: value
        for name, value in settings.items()
        if name not in defaults or abs(value / defaults[name] - 1) > 1e-4
    }
