"""Proposals for a training time: the recipe, and smaller networks if it would see too few images."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ddpm.config import Config, get_value, with_overrides
from ddpm.models.sizes import width_key
from ddpm.training.budget import steps_in_minutes

MIN_CHANNELS = 16  # of a proposed network
MAX_TRIES = 2  # smaller networks to measure


@dataclass(frozen=True)
class Variant:
    """A variant of the recipe: its configuration and the options of `ddpm train` that select it."""

    config: Config
    options: str


@dataclass(frozen=True)
class Proposal:
    """A variant, and how many steps and images it trains on in the given time."""

    options: str  # "": the recipe itself
    images_per_second: float
    steps: int
    images: int
    enough: bool  # whether it sees the wanted number of images

    def row(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def proposals(
    config: Config,
    speed: float,
    minutes: float,
    wanted: int,
    smaller: Iterable[Variant],
    measure: Callable[[Config], float],
) -> list[Proposal]:
    """Return the recipe within `minutes`, then networks of `smaller` until one sees `wanted` images.

    `speed`: images per second of the recipe. `measure`: returns the speed of another configuration.
    """
    found = [_proposal(Variant(config, ""), speed, minutes, wanted)]
    for change in itertools.islice(smaller, MAX_TRIES):
        if found[-1].enough:
            break
        found.append(_proposal(change, measure(change.config), minutes, wanted))
    return found


def _proposal(change: Variant, speed: float, minutes: float, wanted: int) -> Proposal:
    batch = change.config.training.batch_size
    steps = steps_in_minutes(minutes, batch / speed)
    return Proposal(change.options, speed, steps, steps * batch, steps * batch >= wanted)


def narrower_networks(config: Config) -> Iterator[Variant]:
    """Yield the network at half its width, at a quarter, and so on."""
    key = width_key(config)
    channels = int(get_value(config, key))
    while channels // 2 >= MIN_CHANNELS:
        channels = channels // 2 // 8 * 8
        setting = f"{key}={channels}"
        yield Variant(with_overrides(config, [setting]), f" --set {setting}")
