"""Jumps over a teacher's walk: for Gaussian data the walk is known, and so is what a student has to see."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ddpm.diffusion.distillation import (
    HUBER_SCALE,
    consistency_targets,
    distillation_targets,
    jump_boundaries,
    jump_levels,
    jump_loss,
    teacher_steps,
)
from ddpm.diffusion.levels import SPACINGS, Levels, noise_levels
from ddpm.diffusion.objectives import OBJECTIVES, Objective, make_objective
from ddpm.diffusion.samplers import (
    Denoiser,
    Prediction,
    SamplerOptions,
    ddim,
    dpmpp_2m,
    starting_noise,
    times,
)
from ddpm.diffusion.schedules import SCHEDULES, Schedule, make_schedule
from tests.diffusion.oracle import Gaussian, levels_at, normal, run

DATA = Gaussian()
REFUSED = [("noise", "flow")] + [(o, "edm") for o in OBJECTIVES if o != "edm"]
PAIRS = [pair for pair in itertools.product(OBJECTIVES, SCHEDULES) if pair not in REFUSED]


def ends(path: Levels) -> list[tuple[float, float]]:
    return list(zip(path.signal.tolist(), path.sigma.tolist(), strict=True))


def exact_states(path: Levels, x: Tensor) -> Tensor:
    """Where the probability-flow ODE is at every level, from x at the first."""
    here = ends(path)
    return torch.stack([DATA.flow_map(x, here[0], there) for there in here])


def answering(
    image: Tensor, table: Schedule, chosen: Objective, x: Tensor
) -> Callable[..., Tensor]:
    """A network whose answer about `x` means `image`, in the words of the objective."""

    def predict(told: Tensor, t: Tensor) -> Tensor:
        signal, sigma = table.at(t, x)
        torch.testing.assert_close(told, chosen.network_input(x, signal, sigma))
        return chosen.target(image, (x - signal * image) / sigma, signal, sigma)

    return predict


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("jumps", [1, 2, 3, 4])
def test_told_its_aims_ddim_lands_on_the_walk(schedule: str, jumps: int) -> None:
    path = jump_levels(noise_levels(make_schedule(schedule, 1000), 12, "trailing"), jumps)
    states = exact_states(path, starting_noise(path, lambda: normal(3, 1, 2, 2)))
    aimed = dict(zip(path.t.tolist(), distillation_targets(path, states), strict=True))

    def told(x: Tensor, t: Tensor) -> Prediction:
        return Prediction(aimed[int(t[0])])

    steps = ddim(told, path, states[0], lambda: states[0], SamplerOptions())
    for step in steps:
        torch.testing.assert_close(step.x, states[step.index])
    assert step.index == jumps
    torch.testing.assert_close(distillation_targets(path, states)[-1], states[-1])


def test_one_jump_is_the_consistency_function() -> None:
    """Song et al. 2023: f(x, t) = mean + std (x - signal mean) / sqrt(signal² std² + sigma²) here."""
    table = make_schedule("cosine", 1000)
    for t in (100, 500, 900):
        path = levels_at(table, [t])
        signal, sigma = ends(path)[0]
        x = signal * DATA.draw(3, 1, 2, 2) + sigma * normal(3, 1, 2, 2, seed=1)
        known = (
            DATA.mean + DATA.std * (x - signal * DATA.mean) / DATA.variance_at(signal, sigma) ** 0.5
        )
        torch.testing.assert_close(distillation_targets(path, exact_states(path, x))[0], known)


@pytest.mark.parametrize(("objective", "schedule"), PAIRS)
def test_the_loss_is_the_distance_to_the_aim(objective: str, schedule: str) -> None:
    table = make_schedule(schedule, 1000)
    chosen = make_objective(objective, table, torch.tensor([DATA.mean]), DATA.std)
    t = torch.tensor([10, 300, 600, 900])
    signal, sigma = table.at(t, normal(1))
    x, aim = (
        signal * DATA.draw(4, 1, 2, 2) + sigma * normal(4, 1, 2, 2, seed=1),
        DATA.draw(4, 1, 2, 2),
    )
    network = answering(aim, table, chosen, x)
    loss = jump_loss(network, table, chosen, x, t, aim)
    torch.testing.assert_close(loss, torch.zeros(4).double(), atol=1e-8, rtol=0)
    off = torch.tensor([0.0, 0.1, -0.1, 2.0]).double().view(4, 1, 1, 1)
    loss = jump_loss(network, table, chosen, x, t, aim + off)
    torch.testing.assert_close(loss, (off.flatten().square() + HUBER_SCALE**2).sqrt() - HUBER_SCALE)


@pytest.mark.parametrize("schedule", ["cosine", "flow", "edm"])
@pytest.mark.parametrize("jumps", [1, 3])
def test_what_the_loss_is_least_for_makes_the_exact_jumps(schedule: str, jumps: int) -> None:
    """An affine student, fitted to walks of a solver with the ideal denoiser, against the exact map."""
    table = make_schedule(schedule, 4000)
    walk = noise_levels(table, 399, "trailing")
    x = starting_noise(walk, lambda: normal(16, 1, 1, 1))
    taken = dpmpp_2m(DATA.denoiser(table), walk, x, lambda: x, SamplerOptions())
    states = [x, *(step.x for step in taken)]
    path = jump_levels(walk, jumps)
    ended = torch.stack([states[place] for place in jump_boundaries(walk, jumps)])
    units = torch.tensor([-2.0, 0.0, 1.0]).double().view(3, 1, 1, 1)
    for i, aim in enumerate(distillation_targets(path, ended)):
        scale, t = float(ended[i].std()), times(x, int(path.t[i]))
        slope, offset = best_affine(ended[i] / scale, t, aim, table, scale)
        exact = distillation_targets(path.step(i), exact_states(path.step(i), scale * units))[0]
        torch.testing.assert_close(slope * units + offset, exact, atol=0.01, rtol=0)


def best_affine(
    unit: Tensor, t: Tensor, aim: Tensor, table: Schedule, scale: float
) -> tuple[float, float]:
    """The slope and offset of least loss, f(scale u) = slope u + offset, found by gradients."""
    chosen = make_objective("edm", table, torch.tensor([DATA.mean]), DATA.std)
    weights = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        network = answering(weights[0] * unit + weights[1], table, chosen, scale * unit)
        loss = jump_loss(network, table, chosen, scale * unit, t, aim).mean()
        loss.backward()
        return loss

    search.step(closure)
    slope, offset = weights.tolist()
    return slope, offset


@pytest.mark.parametrize("objective", ["noise", "v", "velocity", "edm"])
def test_where_no_noise_is_left_it_is_the_identity_whatever_the_network_says(
    objective: str,
) -> None:
    """The boundary condition of consistency functions (Song et al. 2023, section 3): f(x) = x."""
    chosen = OBJECTIVES[objective](torch.tensor([DATA.mean]), DATA.std)
    x, answer = normal(2, 1, 3, 3), 100 * normal(2, 1, 3, 3, seed=1)
    clean = torch.ones(2, 1, 1, 1).double(), torch.zeros(2, 1, 1, 1).double()
    torch.testing.assert_close(chosen.to_x0(answer, x, *clean), x)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("jumps", [1, 2, 4])
def test_an_exact_student_draws_the_data(schedule: str, jumps: int) -> None:
    path = jump_levels(noise_levels(make_schedule(schedule, 1000), 12, "trailing"), jumps)

    def student(x: Tensor, t: Tensor) -> Prediction:
        step = path.step(path.t.tolist().index(int(t[0])))
        return Prediction(distillation_targets(step, exact_states(step, x))[0])

    exact: Denoiser = student
    x = starting_noise(path, lambda: normal(1, 1, 64, 64))
    drawn = run(ddim, exact, path, x)
    torch.testing.assert_close(drawn, exact_states(path, x)[-1])
    kept = (
        DATA.std / DATA.variance_at(*ends(path)[0]) ** 0.5
    )  # the first level is all but pure noise
    assert float(drawn.std()) == pytest.approx(kept * float(x.std()))
    assert kept * float(path.sigma[0]) == pytest.approx(DATA.std, rel=0.02)


def test_a_walk_that_is_even_in_t_is_divided_evenly() -> None:
    """Students trained before other walks were possible have these jumps."""
    for length, jumps in itertools.product((*range(4, 60), 1000, 4000), range(1, 5)):
        steps = min(teacher_steps(jumps), length)
        walk = noise_levels(make_schedule("cosine", length), steps, "trailing")
        assert jump_boundaries(walk, jumps) == [i * steps // jumps for i in range(jumps + 1)]


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("jumps", range(1, 9))
def test_a_jump_starts_at_the_free_level_nearest_to_an_even_division(
    spacing: str, jumps: int
) -> None:
    steps = teacher_steps(jumps)
    walk = noise_levels(make_schedule("cosine", 1000), steps, spacing)
    places = jump_boundaries(walk, jumps)
    assert places[0] == 0 and places[-1] == steps and places == sorted(set(places))
    starts = walk.t[places[:-1]].double()
    even = 1000 * (1 - torch.arange(jumps, dtype=torch.float64) / jumps) - 1
    for other in itertools.combinations(range(1, steps), jumps - 1):  # none is nearer in every jump
        off = (walk.t[[0, *other]].double() - even).abs()
        assert not bool(
            (off <= (starts - even).abs()).all() and (off < (starts - even).abs()).any()
        )


def test_the_jumps_of_a_compact_walk() -> None:
    walk = noise_levels(make_schedule("cosine", 1000), 8, "compact")
    assert walk.t.tolist() == [999, 932, 862, 730, 522, 303, 153, 71]
    assert jump_boundaries(walk, 4) == [0, 3, 4, 5, 8]
    assert jump_boundaries(walk, 8) == list(range(9))
    for jumps in (0, 9):
        with pytest.raises(ValueError, match=f"jumps must be from 1 to 8.*got {jumps}"):
            jump_boundaries(walk, jumps)


def test_a_student_visits_levels_of_the_walk() -> None:
    table = make_schedule("cosine", 1000)
    walk = noise_levels(table, 12, "trailing")
    for jumps, expected in [(1, [999]), (2, [999, 499]), (4, [999, 749, 499, 249])]:
        path = jump_levels(walk, jumps)
        assert path.t.tolist() == expected and len(path) == jumps
        assert torch.equal(path.sigma[:-1], table.sigma[expected])
        assert ends(path)[-1] == (1.0, 0.0)


def test_consistency_targets_are_the_trajectorys_end():
    states = normal(4, 2, 1, 3, 3)
    found = consistency_targets(states)
    assert found.shape == (3, 2, 1, 3, 3)
    assert all(torch.equal(target, states[3]) for target in found)
