"""Deterministic samplers as tables of numbers, for programs that have no sampler code.

Every deterministic sampler is linear in the state x and the predicted clean images x0: only the
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

    x0_k = denoise(x, t), then x becomes `x * x + x0[0] * x0_k + x0[1] * x0_(k-1) + x0[2] * x0_(k-2)`.
    """

    t: int  # time of the evaluation
    x: float  # coefficient of the state
    x0: tuple[float, ...]  # [HISTORY], coefficients of the predicted images, newest first


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
    """Return the table of a sampling loop that adds no noise.

    The state is a vector over the basis (starting noise, x0 of evaluation 0, 1, …), float64. ValueError:
    the loop adds noise, or an update uses more than `HISTORY` predicted images.
    """
    size = 1 + 2 * len(levels)  # heun evaluates twice a step
    times: list[int] = []
    states: list[Tensor] = []

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        states.append(x.flatten())
        times.append(int(t[0]))
        return Prediction(_basis_vector(len(times), size))

    start = float(levels.sigma[0])
    *_, last = run(denoise, levels, start * _basis_vector(0, size), _refuse_noise, SamplerOptions())
    states.append(last.x.flatten())
    pairs = zip(times, states[:-1], states[1:], strict=True)
    updates = [_update(t, k + 1, before, after) for k, (t, before, after) in enumerate(pairs)]
    return CoefficientTable(start, tuple(updates))


def _basis_vector(index: int, size: int) -> Tensor:
    vector = torch.zeros(1, size, 1, 1, dtype=torch.float64, device="cpu")
    vector[0, index] = 1.0
    return vector


def _update(t: int, newest: int, before: Tensor, after: Tensor) -> Update:
    """Return the update from the state `before` to `after`; `newest` is the index of the last x0."""
    scale = float(after[0] / before[0])
    rest = after - scale * before
    oldest = max(1, newest - HISTORY + 1)
    if bool((rest[:oldest].abs() > _TOLERANCE * max(1.0, float(rest.abs().max()))).any()):
        raise ValueError(f"an update uses more than {HISTORY} predicted images")
    used = rest[oldest : newest + 1].flip(0).tolist()
    return Update(t, scale, tuple(used) + (0.0,) * (HISTORY - len(used)))


def _refuse_noise() -> Tensor:
    raise ValueError("the sampler adds noise, so no table of coefficients describes it")
