"""Distillation into few-step students: one output of a network jumps over several steps of its teacher.

A teacher's deterministic sampler makes a trajectory from noise to an image. A student of J jumps divides
it into J parts and learns to cross each part in one DDIM step. This is progressive distillation (Salimans &
Ho 2022, arXiv:2202.00512), but in one round from the teacher's trajectory, without halving. With J = 1 it is
a consistency function (Song et al. 2023, arXiv:2303.01469), from noise to the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from ddpm.diffusion.levels import Levels
from ddpm.diffusion.objectives import Objective
from ddpm.diffusion.schedules import Schedule

MIN_TEACHER_STEPS = 8  # of the teacher, from noise to an image
MIN_STEPS_PER_JUMP = 2
HUBER_SCALE = 0.03  # root mean square error below which the loss is quadratic


def teacher_steps(jumps: int) -> int:
    """Return the teacher's steps: a multiple of `jumps`, at least MIN_TEACHER_STEPS and two for a jump."""
    return jumps * max(MIN_STEPS_PER_JUMP, math.ceil(MIN_TEACHER_STEPS / jumps))


def jump_boundaries(levels: Levels, jumps: int) -> list[int]:
    """Return jumps + 1 indices of a trajectory's levels, the ends of the jumps; the last is len(levels).

    A jump starts at the level nearest to an even division of t; the levels that suit the teacher's solver are
    not even in t. ValueError: no jump, or more jumps than steps.
    """
    steps, t = len(levels), levels.t.tolist()
    if not 1 <= jumps <= steps:
        raise ValueError(f"jumps must be from 1 to {steps}, the teacher's steps; got {jumps}")
    if steps % jumps:  # a short schedule, of which every level is visited: even in t by itself
        return [i * steps // jumps for i in range(jumps + 1)]
    places = [0]
    for i in range(1, jumps):
        even = (1 - i / jumps) * (t[0] + 1) - 1
        left = range(places[-1] + 1, steps - (jumps - i) + 1)  # one level for each jump to come
        places.append(min(left, key=lambda k: abs(t[k] - even)))
    return [*places, steps]


def jump_levels(levels: Levels, jumps: int) -> Levels:
    """Return the levels that a student visits: the start of each jump, then the clean level."""
    places = jump_boundaries(levels, jumps)
    return Levels(
        levels.schedule, levels.t[places[:-1]], levels.signal[places], levels.sigma[places]
    )


def distillation_targets(levels: Levels, states: Tensor) -> Tensor:
    """Return the clean images with which DDIM goes from each state to the next, [J, N, C, H, W].

    Salimans & Ho 2022, appendix G, for `states` [J + 1, N, C, H, W] at the J + 1 levels: the target in
    x' = signal' target + sigma' (x - signal target) / sigma. At the last jump it is the image itself.
    """
    signal, sigma = (v.to(states).view(-1, 1, 1, 1, 1) for v in (levels.signal, levels.sigma))
    shrink = sigma[1:] / sigma[:-1]
    return (states[1:] - shrink * states[:-1]) / (signal[1:] - shrink * signal[:-1])


def consistency_targets(states: Tensor) -> Tensor:
    """Return the image at the end of the trajectory for each state but the last, [J, N, C, H, W].

    A network that learns these is a consistency function (Song et al. 2023, arXiv:2303.01469), here from the
    teacher's whole trajectories; `samplers.lcm` samples from it. `states` are [J + 1, N, C, H, W].
    """
    return states[-1:].expand_as(states[:-1])


def predicted_image(
    predict: Callable[[Tensor, Tensor], Tensor],
    schedule: Schedule,
    objective: Objective,
    x_t: Tensor,
    t: Tensor,
) -> Tensor:
    """Return the clean images that `predict(input, t)` sees in x_t [N, C, H, W] at times t [N]."""
    signal, sigma = schedule.at(t, x_t)  # [N, 1, 1, 1]
    output = predict(objective.network_input(x_t, signal, sigma), t)
    return objective.to_x0(output, x_t, signal, sigma)


def jump_loss(
    predict: Callable[[Tensor, Tensor], Tensor],
    schedule: Schedule,
    objective: Objective,
    x_t: Tensor,
    t: Tensor,
    target: Tensor,
) -> Tensor:
    """Return the distance [N] of the image predicted from x_t to its `target` [N, C, H, W].

    The pseudo-Huber distance (Song & Dhariwal 2023, arXiv:2310.14189, Eq. 7) of the root mean square: jumps
    with large errors do not dominate. Arguments as in `predicted_image`.
    """
    error = predicted_image(predict, schedule, objective, x_t, t) - target
    return (error.square().mean(dim=(1, 2, 3)) + HUBER_SCALE**2).sqrt() - HUBER_SCALE
