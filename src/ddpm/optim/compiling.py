"""torch.compile for the training network: tried once, forward and backward; not used if it fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

from ddpm.config import Config
from ddpm.distributed import all_reduce_max

MIN_STEPS = 2000  # `auto` compiles longer trainings only: compiling delays the first step
MIN_MINUTES = 10.0  # the same limit if the total is given in minutes


class Compiled(NamedTuple):
    """The network that training steps call: the network itself, or its compiled form."""

    network: nn.Module
    is_compiled: bool = False
    note: str = ""  # the reason if compiling failed


def should_compile(config: Config, device: torch.device, *, sharded: bool) -> bool:
    """Return whether to compile: `on` on any device, `auto` for long trainings on a graphics card.

    Never for a sharded network, whose blocks are gathered while they compute.
    """
    training, minutes = config.training, config.training.minutes
    if sharded or not config.family.can_compile:
        return False
    if training.compile == "auto":
        is_long = minutes >= MIN_MINUTES if minutes else training.steps >= MIN_STEPS
        return device.type == "cuda" and is_long
    return training.compile == "on"


def try_compiling(network: nn.Module, try_step: Callable[[nn.Module], None]) -> Compiled:
    """Return `network` compiled, or itself and the reason; all processes compile, or none.

    `try_step` runs a network forward and backward in the shapes of training, which makes torch compile it;
    its gradients are discarded.
    """
    compiled, reason = network, ""
    compiler: Any = torch.compile  # type checkers see its result as a function
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on performance
            compiled = compiler(network, dynamic=False)
            try_step(compiled)
    except Exception as error:  # no compiler, an unsupported Python, an error inside torch
        reason = (str(error).splitlines() or [""])[0].strip() or type(error).__name__
    network.zero_grad(set_to_none=True)
    if all_reduce_max(int(reason != "")):
        reason = reason or "another process cannot compile"
        return Compiled(network, note=f"torch.compile is not used ({reason})")
    return Compiled(compiled, is_compiled=True)
