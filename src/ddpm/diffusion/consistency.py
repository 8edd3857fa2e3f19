"""Consistency functions: from any point of a path straight to the path's end.

A teacher's deterministic sampler walks from noise to an image. f(x_t, t) is the image that the path
through x_t ends in (Song et al. 2023, arXiv:2303.01469, section 3). Known for some points of many
paths, it is learned by regression; then one evaluation draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from ddpm.diffusion.levels import Levels
from ddpm.diffusion.objectives import Objective
from ddpm.diffusion.samplers import Denoiser, Noise, Step, times
from ddpm.diffusion.schedules import Schedule

TAUGHT = 4  # levels at which f is learned: as many as the most steps it is drawn with
SUBSTEPS = 3  # steps of the teacher from one of them to the next
HUBER = 0.03  # root mean square error below which the loss is quadratic


def taught(levels: Levels) -> list[int]:
    """Which of the levels of a teacher's path f is learned at, rising: TAUGHT of them, evenly spread."""
    return sorted({i * len(levels) // TAUGHT for i in range(TAUGHT)})


def visited(levels: Levels, steps: int) -> Levels:
    """The `steps` levels that drawing visits, a selection of those that f is learned at, then the clean one.

    ValueError: more steps than there are such levels.
    """
    places = taught(levels)
    if not 1 <= steps <= len(places):
        raise ValueError(f"steps must be from 1 to {len(places)}; got {steps}")
    chosen = [places[i * len(places) // steps] for i in range(steps)]
    ends = [*chosen, len(levels)]
    return Levels(levels.schedule, levels.t[chosen], levels.signal[ends], levels.sigma[ends])


def consistency_loss(
    predict: Callable[[Tensor, Tensor], Tensor],
    schedule: Schedule,
    objective: Objective,
    x_t: Tensor,
    t: Tensor,
    end: Tensor,
) -> Tensor:
    """How far [N] f(x_t, t) is from the `end` [N, C, H, W] of the path through x_t; `predict` is the network.

    Song et al. 2023, Eq. 7, with the whole path walked by the teacher: the target holds no answer of
    the student's, so no error is handed on. The distance d is the pseudo-Huber one (Song & Dhariwal
    2023, arXiv:2310.14189, Eq. 7) of the root mean square: levels with large errors do not drown the others.
    """
    signal, sigma = schedule.at(t, x_t)  # [N, 1, 1, 1]
    output = predict(objective.network_input(x_t, signal, sigma), t)
    error = objective.to_x0(output, x_t, signal, sigma) - end
    return (error.square().mean(dim=(1, 2, 3)) + HUBER**2).sqrt() - HUBER


def multistep(f: Denoiser, levels: Levels, x: Tensor, noise: Noise) -> Iterator[Step]:
    """Algorithm 1 of Song et al. 2023: to the end of the path, back up by fresh noise, to the end again."""
    t, signal, sigma = levels.t.tolist(), levels.signal.tolist(), levels.sigma.tolist()
    for i in range(len(levels)):
        x0 = f(x, times(x, t[i])).x0  # lines 1 and 5
        x = signal[i + 1] * x0
        if sigma[i + 1] > 0:
            x = x + sigma[i + 1] * noise()  # line 4
        yield Step(i + 1, x, x0)
