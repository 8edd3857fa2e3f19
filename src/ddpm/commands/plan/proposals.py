"""What fits the minutes there are: the steps of the recipe, and smaller networks where those are too few."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ddpm.config import Config, get_value, with_overrides
from ddpm.training.budget import steps_in_minutes

NARROWEST = 16  # channels that a proposed network has at least
TRIES = 2  # smaller networks that are measured


@dataclass(frozen=True)
class Change:
    """A smaller network: the configuration, and what to type for it."""

    config: Config
    options: str  # of ddpm train


@dataclass(frozen=True)
class Proposal:
    """What a network gets done in the minutes."""

    options: str  # that lead to it; "" for the recipe as it is
    images_per_second: float
    steps: int
    images: int
    enough: bool  # no fewer images than wanted

    def row(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def proposals(
    config: Config,
    speed: float,
    minutes: float,
    wanted: int,
    smaller: Iterable[Change],
    measure: Callable[[Config], float],
) -> list[Proposal]:
    """The recipe within `minutes`, then the networks of `smaller` until one sees `wanted` images.

    `speed`: images a second of the recipe; `measure` finds that of another configuration.
    """
    found = [_fitting(Change(config, ""), speed, minutes, wanted)]
    for change in itertools.islice(smaller, TRIES):
        if found[-1].enough:
            break
        found.append(_fitting(change, measure(change.config), minutes, wanted))
    return found


def _fitting(change: Change, speed: float, minutes: float, wanted: int) -> Proposal:
    batch = change.config.training.batch_size
    steps = steps_in_minutes(minutes, batch / speed)
    return Proposal(change.options, speed, steps, steps * batch, steps * batch >= wanted)


def narrower(config: Config) -> Iterator[Change]:
    """The same network at half the width, at a quarter, and so on."""
    key = config.family.width_key
    channels = int(get_value(config, key))
    while channels // 2 >= NARROWEST:
        channels = channels // 2 // 8 * 8
        setting = f"{key}={channels}"
        yield Change(with_overrides(config, [setting]), f" --set {setting}")
