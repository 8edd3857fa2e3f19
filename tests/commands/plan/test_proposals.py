"""Proposals for a training time: the recipe, then narrower networks."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest

from ddpm.commands.plan.proposals import Variant, narrower_networks, proposals
from ddpm.config import with_overrides
from ddpm.presets import PRESETS, get_preset
from ddpm.training.budget import with_total_steps


def test_what_fits_is_proposed_until_it_is_enough() -> None:
    base = get_preset("mnist").config
    speeds = {16: 100.0, 8: 400.0}
    changes = [
        Variant(
            replace(base, network=replace(base.network, channels=c)), f" --set network.channels={c}"
        )
        for c in speeds
    ]
    search = functools.partial(proposals, base, 10.0, 10.0)
    measured = lambda config: speeds[config.network.channels]  # noqa: E731
    assert [p.enough for p in search(1_000, changes, measured)] == [True]
    found = search(50_000, changes, measured)
    assert [(p.options, p.enough) for p in found] == [
        ("", False), (" --set network.channels=16", True)
    ]  # fmt: skip
    assert all(p.images == p.steps * 64 <= 600 * p.images_per_second for p in found)
    assert len(search(10**9, changes, measured)) == 3


@pytest.mark.parametrize("minutes", [0.5, 5.0, 60.0])
def test_the_steps_proposed_are_those_that_a_training_of_these_minutes_takes(
    minutes: float,
) -> None:
    config = with_overrides(get_preset("mnist").config, [f"training.minutes={minutes}"])
    speed = 512.0  # images a second: a step of 64 takes an eighth of one
    taken = with_total_steps(
        config, fixed=False, images=60_000, measure_step=lambda seconds: 64 / speed
    )
    [proposed] = proposals(config, speed, minutes, 1, [], lambda smaller: speed)
    assert proposed.steps == taken.training.steps


def test_a_narrower_network_is_half_as_wide_and_valid() -> None:
    assert [
        c.config.network.channels for c in narrower_networks(PRESETS["anime"].config_for("big-gpu"))
    ] == [32, 16]
    assert [c.config.network.channels for c in narrower_networks(get_preset("anime").config)] == [
        24
    ]
    assert [c.config.gan.channels for c in narrower_networks(get_preset("dcgan-mnist").config)] == [
        32,
        16,
    ]
    assert list(narrower_networks(get_preset("mnist-assignment").config)) == []
