"""Warnings about a diffusion model's settings, shown before training."""

from __future__ import annotations

from collections.abc import Sequence

from ddpm.diffusion.schedules import Schedule
from ddpm.models.spec import ModelSpec

MAX_TERMINAL_RATIO = 0.02  # signal over noise at the last step; more gives a warning


def terminal_ratio(schedule: Schedule) -> float:
    """Return signal over noise at the last step; its square is the terminal SNR."""
    return float(schedule.signal[-1] / schedule.sigma[-1])


def setup_warnings(spec: ModelSpec, ratio: float, sides: Sequence[int]) -> list[str]:
    """Return warnings about the terminal `ratio`, and about attention that matches none of the feature maps.

    `sides`: the shorter side of the feature map of each level; empty if the network has no such setting.
    """
    lines = []
    if ratio > MAX_TERMINAL_RATIO:
        lines.append(
            f"warning: {ratio:.0%} of the signal is left at the last step, but sampling starts from pure "
            "noise: expect washed-out images; use diffusion.schedule=cosine or more steps"
        )
    attention = spec.config.network.attention
    if attention and sides and not set(attention) & set(sides):
        available = ", ".join(map(str, sides))
        lines.append(
            f"note: network.attention={list(attention)} matches no level; their shorter sides are "
            f"{available}"
        )
    return lines
