"""Few-step students: one answer of a network jumps over several steps of its teacher's sampler.

A teacher's deterministic sampler walks from noise to an image. A student of J jumps learns to get from
the beginning of each J-th of the way to its end in one step of DDIM: progressive distillation
(Salimans & Ho 2022, arXiv:2202.00512), but from the teacher's walk in one go, without rounds of halving.
With J = 1 it is a consistency function (Song et al. 2023, arXiv:2303.01469), from noise to the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from ddpm.diffusion.levels import Levels
from ddpm.diffusion.objectives import Objective
from ddpm.diffusion.schedules import Schedule

WALK = 8  # fewest steps of the teacher from noise to an image
HUBER = 0.03  # root mean square error below which the loss is quadratic


def walk_steps(jumps: int) -> int:
    """Return the steps of the teacher's walk: at least WALK, the same whole number for every jump."""
    return jumps * math.ceil(WALK / jumps)


def jump_boundaries(steps: int, jumps: int) -> list[int]:
    """Where the jumps begin and end, as places 0 .. steps of a walk; as even as can be.

    ValueError: no jump, or more of them than steps.
    """
    if not 1 <= jumps <= steps:
        raise ValueError(f"jumps must be from 1 to {steps}, the steps of the walk; got {jumps}")
    return [i * steps // jumps for i in range(jumps + 1)]


def jump(levels: Levels, jumps: int) -> Levels:
    """The levels that a student visits: those of the walk at which a jump begins, then the clean one."""
    places = jump_boundaries(len(levels), jumps)
    return Levels(
        levels.schedule, levels.t[places[:-1]], levels.signal[places], levels.sigma[places]
    )


def distillation_targets(levels: Levels, states: Tensor) -> Tensor:
    """The clean image that DDIM has to be told to get from each state to the next, [J, N, C, H, W].

    Salimans & Ho 2022, appendix G; `states` [J + 1, N, C, H, W] at the J + 1 levels. From
    x' = signal' aim + sigma' (x - signal aim) / sigma; at the last jump it is the image itself.
    """
    signal, sigma = (v.to(states).view(-1, 1, 1, 1, 1) for v in (levels.signal, levels.sigma))
    shrink = sigma[1:] / sigma[:-1]
    return (states[1:] - shrink * states[:-1]) / (signal[1:] - shrink * signal[:-1])


def jump_loss(
    predict: Callable[[Tensor, Tensor], Tensor],
    schedule: Schedule,
    objective: Objective,
    x_t: Tensor,
    t: Tensor,
    aim: Tensor,
) -> Tensor:
    """How far [N] the image that the network sees in x_t is from its `aim` [N, C, H, W].

    The distance is the pseudo-Huber one (Song & Dhariwal 2023, arXiv:2310.14189, Eq. 7) of the root
    mean square: jumps with large errors do not drown the others. `predict(input, t)` is the network.
    """
    signal, sigma = schedule.at(t, x_t)  # [N, 1, 1, 1]
    output = predict(objective.network_input(x_t, signal, sigma), t)
    error = objective.to_x0(output, x_t, signal, sigma) - aim
    return (error.square().mean(dim=(1, 2, 3)) + HUBER**2).sqrt() - HUBER
