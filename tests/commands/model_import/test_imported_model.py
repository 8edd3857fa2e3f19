"""Schedules of other programs, in the terms of this one."""

from __future__ import annotations

import pytest
import torch

from ddpm.commands.model_import.imported_model import plain_settings, schedule_settings
from ddpm.diffusion.schedules import make_schedule
from ddpm.errors import RequestError


@pytest.mark.parametrize("name", ["linear", "cosine", "sigmoid"])
@pytest.mark.parametrize("steps", [50, 1000])
def test_betas_name_their_schedule(name: str, steps: int) -> None:
    found = schedule_settings(make_schedule(name, steps).betas.float(), "x.pt")
    assert found["schedule"] == name and found["num_steps"] == steps
    assert set(plain_settings(found)) == {"schedule", "num_steps"}


def test_other_ends_of_linear_betas_are_kept() -> None:
    found = plain_settings(schedule_settings(torch.linspace(1e-3, 0.03, 500), "x.pt"))
    schedule = make_schedule(
        "linear", 500, beta_start=found["beta_start"], beta_end=found["beta_end"]
    )
    assert torch.allclose(schedule.betas, torch.linspace(1e-3, 0.03, 500, dtype=torch.float64))


def test_unknown_betas_are_refused() -> None:
    with pytest.raises(RequestError, match=r"x\.pt was trained with a noise schedule"):
        schedule_settings(torch.linspace(0.01, 0.2, 100).sqrt() / 10, "x.pt")
    with pytest.raises(RequestError, match="1 noise levels"):
        schedule_settings(torch.ones(1), "x.pt")
