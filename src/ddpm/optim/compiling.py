"""torch.compile for the network that learns: tried once, there and back, and left alone where it fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

from ddpm.config import Config
from ddpm.distributed import all_reduce_max

FEWEST = 2000  # steps from which on `auto` compiles, which takes its time before the first one
SHORTEST = 10.0  # minutes, where those are the total


class Compiled(NamedTuple):
    """What training calls in place of a network: the network itself, or the same weights compiled."""

    network: nn.Module
    on: bool = False
    words: str = ""  # why not, where it was tried; else ""


def is_wanted(config: Config, device: torch.device, *, sharded: bool) -> bool:
    """Whether it is to be tried: `on` on any device, `auto` for long trainings on a graphics card.

    Never for a sharded network, whose blocks are gathered while they compute.
    """
    training, minutes = config.training, config.training.minutes
    if sharded or not config.family.can_compile:
        return False
    if training.compile == "auto":
        is_long = minutes >= SHORTEST if minutes else training.steps >= FEWEST
        return device.type == "cuda" and is_long
    return training.compile == "on"


def try_compiling(network: nn.Module, rehearse: Callable[[nn.Module], None]) -> Compiled:
    """`network` compiled, or itself and why not: of several processes all compile, or none does.

    `rehearse` takes a network forward and back in the sizes of the training, which is when torch compiles;
    the gradients are thrown away.
    """
    made, reason = network, ""
    compiler: Any = torch.compile  # whose result type checkers take for a plain function
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on how its kernels could be faster still
            made = compiler(network, dynamic=False)
            rehearse(made)
    except Exception as error:  # no compiler, none for this Python, a fault of its own: all sorts
        reason = (str(error).splitlines() or [""])[0].strip() or type(error).__name__
    network.zero_grad(set_to_none=True)
    if all_reduce_max(int(reason != "")):
        reason = reason or "another process cannot compile"
        return Compiled(network, words=f"torch.compile is not used ({reason})")
    return Compiled(made, on=True)
