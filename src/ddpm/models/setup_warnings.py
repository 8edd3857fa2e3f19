"""Warnings about a diffusion model's settings, shown before training."""

from __future__ import annotations

from collections.abc import Sequence

from ddpm.diffusion.schedules import Schedule
from ddpm.models.spec import ModelSpec

MAX_TERMINAL_RATIO = 0.02  # signal over noise at the last step; more gives a warning


def terminal_ratio(schedule: Schedule) -> float:
    """Return signal over noise at the last step; its square is the terminal SNR."""
    return float(schedule.signal[-1] / schedule.sigma[-1])


def setup_warnings(spec: ModelSpec, left: float, sides: Sequence[int]) -> list[str]:
    """Return warnings about the signal `left`, and about attention at none of the feature maps' `sides`."""
    lines = []
    if left > MAX_TERMINAL_RATIO:
        lines.append(
            f"warning: {left:.0%} of the signal is left at the last step, which sampling does not "
            "know of: expect washed-out images; use diffusion.schedule=cosine or more steps"
        )
    asked = spec.config.network.attention
    if asked and not set(asked) & set(sides):
        there = ", ".join(map(str, sides))
        lines.append(
            f"note: network.attention={list(asked)} falls on no level; their shorter sides are {there}"
        )
    return lines
