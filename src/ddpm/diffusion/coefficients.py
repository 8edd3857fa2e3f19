"""Deterministic samplers as tables of numbers, for programs that have no sampler code.

Every sampler is linear in the state x, the predicted clean images x0 and fresh noise: only the
denoiser between two updates is not. So a table of numbers replaces the sampler. The table is read off
the sampler itself, which runs on vectors of coefficients in place of images.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.diffusion.levels import Levels
from ddpm.diffusion.samplers import SAMPLERS, Prediction, SamplerOptions, SamplingLoop

HISTORY = 3  # predicted images that an update uses at most: UniPC's corrector
_TOLERANCE = 1e-9  # of a coefficient that must be zero


@dataclass(frozen=True)
class Update:
    """One evaluation of the denoiser and the update of the state after it.

    x0_k = denoise(x, t), then x becomes `x * x + x0[0] * x0_k + x0[1] * x0_(k-1) + x0[2] * x0_(k-2)`, plus
    `noise` times fresh standard normal noise.
    """

    t: int  # time of the evaluation
    x: float  # coefficient of the state
    x0: tuple[float, ...]  # [HISTORY], coefficients of the predicted images, newest first
    noise: float = 0.0  # coefficient of fresh noise


@dataclass(frozen=True)
class CoefficientTable:
    """A sampler on one path: x starts as `start` times standard normal noise."""

    start: float
    updates: tuple[Update, ...]


def coefficient_table(name: str, levels: Levels) -> CoefficientTable:
    """Return the table of the deterministic sampler `name` on `levels`. ValueError: it adds noise."""
    sampler = SAMPLERS[name]
    if not sampler.is_deterministic:
        names = ", ".join(key for key, row in SAMPLERS.items() if row.is_deterministic)
        raise ValueError(f"the sampler {name} adds noise; choose one of {names}")
    return linear_table(sampler.run, levels)


def linear_table(run: SamplingLoop, levels: Levels) -> CoefficientTable:
    """Return the table of a sampling loop that adds noise at most once between two evaluations.

    The state is a vector over the basis (starting noise, x0 of evaluation 0, 1, …, fresh noise 0, 1, …),
    float64. ValueError: an update uses more than `HISTORY` predicted images, or noise of an earlier update.
    """
    most = 2 * len(levels)  # evaluations: heun takes two a step
    size = 1 + 2 * most
    times: list[int] = []
    states: list[Tensor] = []
    noises = [0]  # drawn before each evaluation, and in total

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        states.append(x.flatten())
        times.append(int(t[0]))
        noises.append(noises[-1])
        return Prediction(_basis_vector(len(times), size))

    def noise() -> Tensor:
        noises[-1] += 1
        return _basis_vector(most + noises[-1], size)

    start = float(levels.sigma[0])
    *_, last = run(denoise, levels, start * _basis_vector(0, size), noise, SamplerOptions())
    states.append(last.x.flatten())
    updates = []
    for k, t in enumerate(times):
        fresh = range(most + noises[k] + 1, most + noises[k + 1] + 1)
        updates.append(_update(t, k + 1, fresh, states[k], states[k + 1]))
    return CoefficientTable(start, tuple(updates))


def _basis_vector(index: int, size: int) -> Tensor:
    vector = torch.zeros(1, size, 1, 1, dtype=torch.float64, device="cpu")
    vector[0, index] = 1.0
    return vector


def _update(t: int, newest: int, fresh: range, before: Tensor, after: Tensor) -> Update:
    """Return the update from the state `before` to `after`.

    `newest` is the place of the last x0 in the basis, `fresh` that of the noise drawn for the update.
    """
    scale = float(after[0] / before[0]) if before[0] else 0.0
    rest = after - scale * before
    history = list(range(newest, max(0, newest - HISTORY), -1))
    used = [*history, *fresh]
    others = rest.index_fill(0, torch.tensor(used), 0.0)
    if bool((others.abs() > _TOLERANCE * max(1.0, float(rest.abs().max()))).any()):
        raise ValueError(f"an update uses more than {HISTORY} predicted images, or earlier noise")
    if len(fresh) > 1:
        raise ValueError("an update adds noise more than once")
    images = rest[history].tolist()
    noise = float(rest[fresh[0]]) if fresh else 0.0
    return Update(t, scale, tuple(images) + (0.0,) * (HISTORY - len(images)), noise)
