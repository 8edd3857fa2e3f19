"""Warnings about a diffusion model's settings, shown before training."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ddpm.diffusion.schedules import make_schedule
from ddpm.models.setup_warnings import MAX_TERMINAL_RATIO, setup_warnings, terminal_ratio
from ddpm.models.spec import ModelSpec


def test_the_terminal_ratio_is_the_root_of_the_terminal_snr() -> None:
    schedule = make_schedule("linear", 1000)
    snr = float(schedule.signal[-1] ** 2 / (1 - schedule.signal[-1] ** 2))
    assert terminal_ratio(schedule) ** 2 == pytest.approx(snr, rel=1e-4)
    assert (
        terminal_ratio(schedule) < MAX_TERMINAL_RATIO < terminal_ratio(make_schedule("linear", 2))
    )


def test_signal_that_is_left_gives_a_warning(small_spec: Callable[..., ModelSpec]) -> None:
    spec = small_spec("network.attention=[]")
    [line] = setup_warnings(spec, 0.25, (8, 4))
    assert line.startswith("warning: 25% of the signal is left at the last step")
    assert setup_warnings(spec, MAX_TERMINAL_RATIO, (8, 4)) == []


@pytest.mark.parametrize(("sides", "count"), [((8, 4), 0), ((8, 16), 1), ((), 0)])
def test_attention_that_matches_no_level_gives_a_note(
    small_spec: Callable[..., ModelSpec], sides: tuple[int, ...], count: int
) -> None:
    lines = setup_warnings(small_spec("network.attention=[4]"), 0.0, sides)
    assert len(lines) == count
    assert all("network.attention=[4] matches no level" in line for line in lines)
    assert all("8, 16" in line for line in lines)
