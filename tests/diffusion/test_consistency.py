"""Consistency functions: for Gaussian data the exact one is known in closed form."""

import itertools
from collections.abc import Callable

import pytest
import torch
from oracle import Gaussian, normal, unit_draws
from torch import Tensor

from ddpm.config import FEW_STEPS
from ddpm.diffusion.consistency import (
    HUBER,
    TAUGHT,
    consistency_loss,
    multistep,
    taught,
    visited,
)
from ddpm.diffusion.levels import levels
from ddpm.diffusion.objectives import OBJECTIVES, Objective, make_objective
from ddpm.diffusion.samplers import (
    Denoiser,
    Prediction,
    SamplerOptions,
    dpmpp_2m,
    starting_noise,
    times,
)
from ddpm.diffusion.schedules import SCHEDULES, Schedule, make_schedule

DATA = Gaussian()
REFUSED = [("noise", "flow")] + [(o, "edm") for o in OBJECTIVES if o != "edm"]
PAIRS = [pair for pair in itertools.product(OBJECTIVES, SCHEDULES) if pair not in REFUSED]


def exact(table: Schedule) -> Denoiser:
    """f(x, t) of the data: the flow map from level t to the clean one."""

    def f(x: Tensor, t: Tensor) -> Prediction:
        signal, sigma = table.at(t, x)
        spread = ((signal * DATA.std).square() + sigma.square()).sqrt()
        return Prediction(DATA.mean + DATA.std * (x - signal * DATA.mean) / spread)

    return f


def answering(
    image: Tensor, table: Schedule, chosen: Objective, x: Tensor
) -> Callable[[Tensor, Tensor], Tensor]:
    """A network whose answer about `x` means `image`, in the words of the objective."""

    def predict(told: Tensor, t: Tensor) -> Tensor:
        signal, sigma = table.at(t, x)
        torch.testing.assert_close(told, chosen.network_input(x, signal, sigma))
        return chosen.target(image, (x - signal * image) / sigma, signal, sigma)

    return predict


@pytest.mark.parametrize(("objective", "schedule"), PAIRS)
def test_the_loss_is_the_distance_to_the_end_of_the_path(objective: str, schedule: str) -> None:
    table = make_schedule(schedule, 1000)
    chosen = make_objective(objective, table, torch.tensor([DATA.mean]), DATA.std)
    t = torch.tensor([10, 300, 600, 900])
    signal, sigma = table.at(t, normal(1))
    x = signal * DATA.draw(4, 1, 2, 2) + sigma * normal(4, 1, 2, 2, seed=1)
    here = list(zip(signal.flatten().tolist(), sigma.flatten().tolist(), strict=True))
    end = torch.cat([DATA.flow_map(x[i : i + 1], here[i], (1.0, 0.0)) for i in range(4)])
    network = answering(exact(table)(x, t).x0, table, chosen, x)
    loss = consistency_loss(network, table, chosen, x, t, end)
    torch.testing.assert_close(loss, torch.zeros(4).double(), atol=1e-8, rtol=0)
    off = torch.tensor([0.0, 0.1, -0.1, 2.0]).double().view(4, 1, 1, 1)
    loss = consistency_loss(network, table, chosen, x, t, end + off)
    torch.testing.assert_close(loss, (off.flatten().square() + HUBER**2).sqrt() - HUBER)


@pytest.mark.parametrize("schedule", ["cosine", "flow", "edm"])
def test_what_the_loss_is_least_for_is_the_exact_function(schedule: str) -> None:
    """At each level that is learned, on paths that a solver walks with the ideal denoiser."""
    table = make_schedule(schedule, 4000)
    path = levels(table, 400, "trailing")
    x = starting_noise(path, lambda: normal(16, 1, 1, 1))
    walk = dpmpp_2m(DATA.denoiser(table), path, x, lambda: x, SamplerOptions())
    states = [x, *(step.x for step in walk)]
    for place in taught(path):
        t, scale = times(x, int(path.t[place])), float(states[place].std())
        slope, offset = best_affine(states[place] / scale, t, states[-1], table, scale)
        points = torch.tensor([-2.0, 0.0, 1.0]).double().view(3, 1, 1, 1)
        wanted = exact(table)(scale * points, t[:3]).x0
        torch.testing.assert_close(slope * points + offset, wanted, atol=0.01, rtol=0)


def best_affine(
    unit: Tensor, t: Tensor, end: Tensor, table: Schedule, scale: float
) -> tuple[float, float]:
    """The slope and offset of least loss, f(scale u) = slope u + offset, found by gradients."""
    chosen = make_objective("edm", table, torch.tensor([DATA.mean]), DATA.std)
    weights = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        network = answering(weights[0] * unit + weights[1], table, chosen, scale * unit)
        loss = consistency_loss(network, table, chosen, scale * unit, t, end).mean()
        loss.backward()
        return loss

    search.step(closure)
    slope, offset = weights.tolist()
    return slope, offset


@pytest.mark.parametrize("objective", ["noise", "v", "velocity", "edm"])
def test_at_the_end_of_the_path_it_is_the_identity_whatever_the_network_says(
    objective: str,
) -> None:
    """The boundary condition (Song et al. 2023, section 3): f(x, t) = x where no noise is left."""
    chosen = OBJECTIVES[objective](torch.tensor([DATA.mean]), DATA.std)
    x, answer = normal(2, 1, 3, 3), 100 * normal(2, 1, 3, 3, seed=1)
    clean = torch.ones(2, 1, 1, 1).double(), torch.zeros(2, 1, 1, 1).double()
    torch.testing.assert_close(chosen.to_x0(answer, x, *clean), x)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_any_number_of_steps_reaches_the_data(schedule: str, steps: int) -> None:
    """Image 0 sees no noise: the mean. The others see one draw each: their squared responses add."""
    table = make_schedule(schedule, 1000)
    path = visited(levels(table, 12, "trailing"), steps)
    noise = unit_draws(steps)
    *_, last = multistep(exact(table), path, starting_noise(path, noise), noise)
    drawn = last.x.flatten()
    signal, sigma = float(path.signal[0]), float(path.sigma[0])
    start = DATA.std / DATA.variance_at(signal, sigma) ** 0.5  # of the noise; nothing of the mean
    std = start * sigma if steps == 1 else DATA.std
    assert float((drawn[1:] - drawn[0]).square().sum().sqrt()) == pytest.approx(std, rel=0.02)
    assert float(drawn[0]) == pytest.approx(DATA.mean, abs=0.01)


def test_algorithm_1_step_by_step() -> None:
    table = make_schedule("cosine", 1000)
    path, f = visited(levels(table, 12, "trailing"), 3), exact(table)
    x, fresh = normal(2, 1, 3, 3), [normal(2, 1, 3, 3, seed=seed) for seed in (1, 2)]
    draws = iter(fresh)
    steps = list(multistep(f, path, x, lambda: next(draws)))
    image = f(x, times(x, 999)).x0
    for z, t, step in zip(fresh, (749, 499), steps, strict=False):
        torch.testing.assert_close(step.x0, image)
        raised = table.signal[t] * image + table.sigma[t] * z
        torch.testing.assert_close(step.x, raised)
        image = f(raised, times(x, t)).x0
    assert torch.equal(steps[-1].x, steps[-1].x0) and len(steps) == 3 and not list(draws)
    torch.testing.assert_close(steps[-1].x, image)
    assert [step.index for step in steps] == [1, 2, 3]


def test_what_is_drawn_with_is_what_is_learned() -> None:
    table = make_schedule("cosine", 1000)
    path = levels(table, 12, "trailing")
    learned = path.t[taught(path)].tolist()
    assert learned == [999, 749, 499, 249] and TAUGHT == FEW_STEPS == len(learned)
    for steps, expected in enumerate([[999], [999, 499], [999, 749, 499], learned], start=1):
        chosen = visited(path, steps)
        assert chosen.t.tolist() == expected and len(chosen) == steps
        assert (
            torch.equal(chosen.sigma[:-1], table.sigma[expected]) and float(chosen.sigma[-1]) == 0
        )
    for steps in (0, 5):
        with pytest.raises(ValueError, match=f"steps must be from 1 to 4; got {steps}"):
            visited(path, steps)


@pytest.mark.parametrize("num_steps", [2, 3, 5])
def test_short_schedules_have_fewer_levels_to_learn(num_steps: int) -> None:
    path = levels(make_schedule("cosine", num_steps), num_steps, "trailing")
    places = taught(path)
    assert places[0] == 0 and places == sorted(set(places)) and places[-1] < num_steps
    assert len(places) == min(num_steps, TAUGHT)
    assert visited(path, len(places)).t.tolist() == path.t[places].tolist()
