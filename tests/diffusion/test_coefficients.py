"""Tables of coefficients: they draw what the samplers draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from ddpm.diffusion.coefficients import CoefficientTable, coefficient_table, linear_table
from ddpm.diffusion.levels import SPACINGS, noise_levels
from ddpm.diffusion.samplers import (
    SAMPLERS,
    Prediction,
    SamplerOptions,
    SamplingLoop,
    Step,
    lcm,
    starting_noise,
)
from ddpm.diffusion.schedules import SCHEDULES, make_schedule

NOISY = [name for name, sampler in SAMPLERS.items() if not sampler.is_deterministic]
DETERMINISTIC = [name for name, sampler in SAMPLERS.items() if sampler.is_deterministic]


def denoise(x: Tensor, t: Tensor) -> Prediction:
    """A denoiser that is not linear."""
    return Prediction(torch.tanh(1.5 * x + 0.001 * t.view(-1, 1, 1, 1)).clamp(-0.9, 0.9))


def draw(table: CoefficientTable, noise: Tensor, fresh: Iterator[Tensor] = iter(())) -> Tensor:
    """Follow a table, as another program would."""
    x, history = table.start * noise, [torch.zeros_like(noise)] * 3
    for update in table.updates:
        x0 = denoise(x, torch.full((len(x),), update.t)).x0
        history = [x0, *history[:2]]
        x = update.x * x + sum(c * h for c, h in zip(update.x0, history, strict=True))
        x = x + update.noise * next(fresh) if update.noise else x
    return x


@pytest.mark.parametrize("name", DETERMINISTIC)
@pytest.mark.parametrize("path", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20])
def test_a_table_draws_what_the_sampler_draws(name: str, path: str, steps: int) -> None:
    levels = noise_levels(make_schedule(path, 50), steps, "compact")
    noise = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start = starting_noise(levels, lambda: noise)
    *_, last = SAMPLERS[name](denoise, levels, start, lambda: noise, SamplerOptions())
    table = coefficient_table(name, levels)
    assert torch.allclose(draw(table, noise), last.x, rtol=1e-9, atol=1e-9)
    assert table.updates[0].t == int(levels.t[0])


@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_spacing_has_a_table(spacing: str) -> None:
    levels = noise_levels(make_schedule("linear", 200), 9, spacing)
    assert len(coefficient_table("ddim", levels).updates) == 9
    assert len(coefficient_table("heun", levels).updates) == 17  # two a step, one for the last


def test_samplers_that_add_noise_are_refused() -> None:
    levels = noise_levels(make_schedule("linear", 50), 5, "uniform")
    with pytest.raises(ValueError, match=r"ancestral adds noise; choose one of ddim, euler, heun"):
        coefficient_table("ancestral", levels)


@pytest.mark.parametrize("run", [lcm, *(SAMPLERS[name].run for name in NOISY)])
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_fresh_noise_has_a_column(run: SamplingLoop, steps: int) -> None:
    levels = noise_levels(make_schedule("cosine", 50), steps, "trailing")
    generator = torch.Generator().manual_seed(1)
    noises = list(torch.randn(steps + 1, 2, 1, 3, 3, generator=generator, dtype=torch.float64))
    drawn = iter(noises)
    start = starting_noise(levels, lambda: next(drawn))
    *_, last = run(denoise, levels, start, lambda: next(drawn), SamplerOptions())
    found = draw(linear_table(run, levels), noises[0], iter(noises[1:]))
    assert torch.allclose(found, last.x, rtol=1e-9, atol=1e-9)


def test_a_loop_that_no_table_holds_is_refused() -> None:
    levels = noise_levels(make_schedule("linear", 50), 6, "uniform")

    def averaging(*given: Any) -> Iterator[Step]:
        """A loop whose last step is the mean of all predictions."""
        denoise, levels, x, *_ = given
        images = [denoise(x, t.view(1)).x0 for t in levels.t]
        yield Step(len(levels), sum(images) / len(images), images[-1])

    def noisy(*given: Any) -> Iterator[Step]:
        denoise, levels, x, noise, _ = given
        yield Step(1, denoise(x, levels.t[:1]).x0 + noise() + noise(), x)

    with pytest.raises(ValueError, match="more than 3 predicted images"):
        linear_table(averaging, levels)
    with pytest.raises(ValueError, match="noise more than once"):
        linear_table(noisy, levels)
