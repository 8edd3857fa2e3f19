import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ddpm.diffusion.levels import SPACINGS, Levels, noise_levels
from ddpm.diffusion.objectives import OBJECTIVES, make_objective
from ddpm.diffusion.process import posterior
from ddpm.diffusion.samplers import (
    SAMPLERS,
    Denoiser,
    Prediction,
    Sampler,
    SamplerOptions,
    Step,
    ancestral,
    ddim,
    euler,
    euler_ancestral,
    heun,
    lcm,
    starting_noise,
)
from ddpm.diffusion.schedules import PURE_NOISE_LOG_SNR, SCHEDULES, Schedule, make_schedule
from tests.diffusion.oracle import Gaussian, Mixture, exact_moments, normal, run, unit_draws

DATA = Gaussian()
DETERMINISTIC = [name for name, sampler in SAMPLERS.items() if sampler.is_deterministic]
STOCHASTIC = {name: SamplerOptions() for name in SAMPLERS if name not in DETERMINISTIC}
STOCHASTIC |= {
    "ddim": SamplerOptions(eta=1.0),
    "euler": SamplerOptions(churn=5.0),
    "heun": SamplerOptions(churn=5.0),
}
ASKING_ONCE = set(SAMPLERS) - {"heun"}
REFUSED = [("noise", "flow")] + [(o, "edm") for o in ("noise", "x0", "v", "velocity")]
PAIRS = [(o, s) for o in OBJECTIVES for s in SCHEDULES if (o, s) not in REFUSED]


def on_the_table(path: Levels) -> Levels:
    """The path up to its last level of the table, without the clean one."""
    return Levels(path.schedule, path.t, path.signal[:-1], path.sigma[:-1])


def ends(path: Levels) -> tuple[tuple[float, float], tuple[float, float]]:
    signal, sigma = path.signal.tolist(), path.sigma.tolist()
    return (signal[0], sigma[0]), (signal[-1], sigma[-1])


# Convergence on the probability-flow ODE


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", DETERMINISTIC)
def test_deterministic_samplers_converge_to_the_ode_at_their_order(sampler, schedule):
    """From the first level to the last of the table, the exact map of Gaussian data is known."""
    table = make_schedule(schedule, 20_000)
    errors = []
    for steps in (41, 81):
        path = on_the_table(noise_levels(table, steps, "log-snr"))
        x = path.sigma[0] * normal(1, 1, 4, 4)
        end = run(SAMPLERS[sampler], DATA.denoiser(table), path, x)
        errors.append(float((end - DATA.flow_map(x, *ends(path))).abs().max()))
    assert errors[1] < 0.06
    assert math.log2(errors[0] / errors[1]) == pytest.approx(SAMPLERS[sampler].order, abs=0.25)


def test_the_order_holds_where_the_denoiser_bends():
    table, data = make_schedule("cosine", 20_000), Mixture()
    start = int((table.log_snr > -8).sum()) - 1

    def end(sampler: str, steps: int) -> Tensor:
        path = on_the_table(noise_levels(table, steps, "log-snr", start=start))
        return run(SAMPLERS[sampler], data.denoiser(table), path, normal(1, 1, 8, 8))

    exact = end("unipc", 501)
    for sampler, order in ((name, SAMPLERS[name].order) for name in DETERMINISTIC):
        errors = [float((end(sampler, steps) - exact).abs().mean()) for steps in (41, 81)]
        assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.35), sampler


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ddim_is_the_ode_exactly_when_steps_are_whole(schedule):
    """Equation 12 by hand, step by step, with the noise that Equation 4 leaves."""
    table = make_schedule(schedule, 50)
    path = noise_levels(table, 10, "trailing")
    x = path.sigma[0] * normal(1, 1, 4, 4)
    state, denoise = x, DATA.denoiser(table)
    for step, (t, a, g) in zip(
        ddim(denoise, path, x, unit_draws(0), SamplerOptions()),
        zip(path.t, path.signal[1:], path.sigma[1:], strict=True),
        strict=True,
    ):
        x0 = denoise(state, t.view(1)).x0
        state = a * x0 + g * (state - table.signal[t] * x0) / table.sigma[t]
        torch.testing.assert_close(step.x, state)
        torch.testing.assert_close(step.x0, x0)


# Moments of what is drawn, exactly


@pytest.mark.parametrize(("objective", "schedule"), PAIRS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_reaches_the_data_with_every_objective(sampler, objective, schedule):
    table = make_schedule(schedule, 1000)
    chosen = make_objective(objective, table, torch.tensor([DATA.mean]), DATA.std)
    ideal = DATA.denoiser(table)

    def denoise(x: Tensor, t: Tensor) -> Prediction:  # through the network's own words
        signal, sigma = table.at(t, x)
        x0 = ideal(x, t).x0
        output = chosen.target(x0, (x - signal * x0) / sigma, signal, sigma)
        return Prediction(chosen.to_x0(output, x, signal, sigma))

    path = noise_levels(table, 30, "log-snr")
    mean, std = exact_moments(SAMPLERS[sampler], denoise, path)
    assert mean == pytest.approx(DATA.mean, abs=0.005)
    assert std == pytest.approx(DATA.std, abs=0.015 if SAMPLERS[sampler].order > 1 else 0.1)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", STOCHASTIC)
def test_stochastic_samplers_reach_the_datas_spread(sampler, schedule):
    table = make_schedule(schedule, 4000)
    path = noise_levels(table, 150, "log-snr")
    denoise = DATA.denoiser(table)
    mean, std = exact_moments(SAMPLERS[sampler], denoise, path, STOCHASTIC[sampler])
    assert mean == pytest.approx(DATA.mean, abs=0.002)
    assert std == pytest.approx(DATA.std, abs=0.025)


@pytest.mark.parametrize("variance", ["small", "large"])
@pytest.mark.parametrize("steps", [1000, 50])
def test_ancestral_follows_its_moment_recursion(steps, variance):
    """Mean and variance of x_s from those of x_t, by Equations 6 and 7 in alphas and betas."""
    table = make_schedule("linear", 1000)
    path = noise_levels(table, steps, "uniform")
    bars = torch.cat([table.alpha_bars[path.t], torch.ones(1)]).tolist()
    mean, var = 0.0, 1 - bars[0]
    for bar, after in itertools.pairwise(bars):
        gain = bar**0.5 * DATA.std**2 / DATA.variance_at(bar**0.5, (1 - bar) ** 0.5)
        offset = DATA.mean * (1 - gain * bar**0.5)  # x0_hat = gain x + offset
        beta = 1 - bar / after
        from_x0 = after**0.5 * beta / (1 - bar)
        slope = (1 - beta) ** 0.5 * (1 - after) / (1 - bar) + from_x0 * gain
        fresh = beta if variance == "large" else (1 - after) / (1 - bar) * beta
        mean, var = slope * mean + from_x0 * offset, slope**2 * var + fresh * (after < 1)
    drawn = exact_moments(ancestral, DATA.denoiser(table), path, SamplerOptions(variance=variance))
    assert drawn[0] == pytest.approx(mean, rel=1e-9)
    assert drawn[1] == pytest.approx(var**0.5, rel=1e-9)


def test_algorithm_2_is_the_papers_in_terms_of_noise():
    """Line 4 as printed: x = (x - beta / sqrt(1 - alpha_bar) eps) / sqrt(alpha) + sigma z."""
    table = make_schedule("linear", 300)
    path, denoise = noise_levels(table, 300, "uniform"), DATA.denoiser(table)
    x = normal(2, 1, 3, 3)
    draws, again = (iter(normal(300, 2, 1, 3, 3, seed=1)) for _ in range(2))
    betas, bars = table.betas, table.alpha_bars
    state = x
    for step in ancestral(denoise, path, x, lambda: next(draws), SamplerOptions(variance="large")):
        t = 300 - step.index
        x0 = denoise(state, torch.full((2,), t)).x0
        noise = (state - bars[t].sqrt() * x0) / (1 - bars[t]).sqrt()
        state = (state - betas[t] / (1 - bars[t]).sqrt() * noise) / (1 - betas[t]).sqrt()
        state = state + (betas[t].sqrt() * next(again) if t > 0 else 0)
        torch.testing.assert_close(step.x, state)
    assert step.index == 300 and len(list(draws)) == 1  # z = 0 at the last step


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ancestral_draws_from_the_posterior(schedule):
    table = make_schedule(schedule, 100)
    path, denoise = noise_levels(table, 7, "trailing"), DATA.denoiser(table)
    x, z = normal(2, 1, 3, 3), normal(2, 1, 3, 3, seed=1)
    for i in range(6):
        step = next(ancestral(denoise, path.step(i), x, lambda: z, SamplerOptions()))
        (noisy, clean), x0 = ends(path.step(i)), denoise(x, path.t[[i, i]]).x0
        mean, variance = posterior(x, x0, noisy, clean)
        torch.testing.assert_close(step.x, mean + variance**0.5 * z)


def test_ddim_at_eta_1_is_ancestral():
    table = make_schedule("cosine", 1000)
    path, denoise, x = noise_levels(table, 20, "uniform"), DATA.denoiser(table), normal(2, 1, 3, 3)
    draws, again = (iter(normal(20, 2, 1, 3, 3, seed=1)) for _ in range(2))
    one = run(ancestral, denoise, path, x, lambda: next(draws))
    other = run(ddim, denoise, path, x, lambda: next(again), SamplerOptions(eta=1.0))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("share", "variance"), [(0.0, "small"), (1.0, "large")])
def test_a_learned_variance_reaches_both_ends(share, variance):
    table = make_schedule("cosine", 1000)
    path, ideal = noise_levels(table, 20, "uniform"), DATA.denoiser(table)

    def learned(x: Tensor, t: Tensor) -> Prediction:
        return Prediction(ideal(x, t).x0, torch.full_like(x, share))

    wanted = exact_moments(ancestral, ideal, path, SamplerOptions(variance=variance))
    assert exact_moments(ancestral, learned, path) == pytest.approx(wanted)


def test_a_learned_variance_is_geometric_in_between():
    """Nichol & Dhariwal 2021, Eq. 15, on one step of one pixel."""
    table = make_schedule("linear", 100)
    path = noise_levels(table, 100, "uniform").step(49)
    t = int(path.t[0])
    beta, bars = float(table.betas[t]), table.alpha_bars
    small = float((1 - bars[t - 1]) / (1 - bars[t])) * beta

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        return Prediction(torch.zeros_like(x), torch.full_like(x, 0.3))

    zero, one = torch.zeros(1, 1, 1, 1).double(), torch.ones(1, 1, 1, 1).double()
    drawn = run(ancestral, denoise, path, zero, lambda: one)
    assert 2 * float(drawn.log()) == pytest.approx(0.3 * math.log(beta) + 0.7 * math.log(small))


# Heun's churn, and its shape


@pytest.mark.parametrize("churn", [2.0, 8.0])  # under the cap of sqrt(2) - 1 a step, and over it
def test_heun_is_algorithm_2_of_karras(churn):
    """Without its shortcuts: slopes d and d' in y, on the edm path, in the paper's order."""
    table, data = make_schedule("edm", 1000), Mixture()
    path, denoise = noise_levels(table, 12, "karras"), data.denoiser(table)
    sigma = path.sigma.tolist()
    gamma = min(churn / 12, 2**0.5 - 1)
    y = state = sigma[0] * normal(1, 1, 3, 3)
    draws, again = (iter(normal(20, 1, 1, 3, 3, seed=1)) for _ in range(2))
    options = SamplerOptions(churn=churn)
    for i, step in enumerate(heun(denoise, path, y, lambda: next(draws), options)):
        now = int(path.t[i])
        while i > 0 and float(table.sigma[now]) < sigma[i] * (1 + gamma):
            now += 1
        raised = float(table.sigma[now])
        if i > 0:
            state = state + (raised**2 - sigma[i] ** 2) ** 0.5 * next(again)
        d = (state - denoise(state, torch.tensor([now])).x0) / raised
        euler = state + (sigma[i + 1] - raised) * d
        if sigma[i + 1] > 0:
            ahead = (euler - denoise(euler, path.t[i + 1].view(1)).x0) / sigma[i + 1]
            state = state + (sigma[i + 1] - raised) * (d + ahead) / 2
        else:
            state = euler
        torch.testing.assert_close(step.x, state)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_heun_asks_twice_but_at_both_ends(schedule):
    table = make_schedule(schedule, 1000)
    path, asked = noise_levels(table, 10, "log-snr"), []

    def counting(x: Tensor, t: Tensor) -> Prediction:
        asked.append(int(t[0]))
        return DATA.denoiser(table)(x, t)

    run(heun, counting, path, starting_noise(path, lambda: normal(1, 1, 2, 2)))
    faint = int(
        float(table.log_snr[-1]) < PURE_NOISE_LOG_SNR
    )  # nothing to correct where nothing is seen
    assert len(asked) == 2 * 10 - 1 - faint
    assert set(asked) == set(path.t.tolist())


# Euler and its relatives, and three points at a time


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_euler_is_ddim_and_with_ancestral_noise_ddim_at_eta_1(schedule):
    table = make_schedule(schedule, 1000)
    path, denoise = noise_levels(table, 12, "uniform"), Mixture().denoiser(table)
    x = path.sigma[0] * normal(2, 1, 3, 3)
    torch.testing.assert_close(run(euler, denoise, path, x), run(ddim, denoise, path, x))
    draws, again = (iter(normal(12, 2, 1, 3, 3, seed=1)) for _ in range(2))
    noisy = run(euler_ancestral, denoise, path, x, lambda: next(draws))
    eta = SamplerOptions(eta=1.0)
    torch.testing.assert_close(noisy, run(ddim, denoise, path, x, lambda: next(again), eta))


def test_euler_with_churn_by_hand():
    """Lines 4-8 in y on the edm path, one step: raise the noise, follow the slope."""
    table = make_schedule("edm", 1000)
    path, denoise = noise_levels(table, 10, "karras").step(4), Mixture().denoiser(table)
    y, z = float(path.sigma[0]) * normal(1, 1, 3, 3), normal(1, 1, 3, 3, seed=1)
    raised = int((table.sigma < path.sigma[0] * (1 + 0.2)).sum())
    hat = float(table.sigma[raised])
    noisy = y + (hat**2 - float(path.sigma[0]) ** 2) ** 0.5 * z
    slope = (noisy - denoise(noisy, torch.tensor([raised])).x0) / hat
    expected = noisy + (float(path.sigma[1]) - hat) * slope
    found = run(euler, denoise, path, y, lambda: z, SamplerOptions(churn=0.2))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("sampler", "order"), [("dpm++2m-sde", 2), ("dpm++3m-sde", 3)])
def test_the_drift_of_the_sde_solvers_has_their_order(sampler, order):
    """Without its noise an SDE solver follows dy/dlambda = 2 (x0 - y), y = x / signal, an ODE of its own."""
    table, data = make_schedule("cosine", 20_000), Mixture()
    start = int((table.log_snr > -6).sum()) - 1

    def end(steps: int) -> Tensor:
        path = on_the_table(noise_levels(table, steps, "log-snr", start=start))
        silent: Callable[[], Tensor] = lambda: torch.zeros(1, 1, 8, 8).double()  # noqa: E731
        return run(SAMPLERS[sampler], data.denoiser(table), path, normal(1, 1, 8, 8), silent)

    exact = end(1601)
    errors = [float((end(steps) - exact).abs().mean()) for steps in (101, 201)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.35)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_consistency_sampling_is_exact_at_any_number_of_steps(schedule, steps):
    """With the exact consistency function, the end of each Gaussian trajectory, nothing is lost."""
    path = noise_levels(make_schedule(schedule, 1000), steps, "trailing")
    table = path.schedule

    def consistency(x: Tensor, t: Tensor) -> Prediction:
        here = float(table.signal[t[0]]), float(table.sigma[t[0]])
        return Prediction(DATA.flow_map(x, here, (1.0, 0.0)))

    mean, std = exact_moments(lcm, consistency, path)
    first = (
        0.02 if steps == 1 else 2e-3
    )  # the first noise lacks the last level's trace of the image
    assert (mean, std) == pytest.approx((DATA.mean, DATA.std), abs=first)


# The interface


def count_calls(table: Schedule, calls: list[int]) -> Denoiser:
    def denoise(x: Tensor, t: Tensor) -> Prediction:
        assert t.shape == (len(x),) and t.dtype == torch.int64
        calls.append(int(t[0]))
        return DATA.denoiser(table)(x, t)

    return denoise


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_step_is_yielded_after_its_update(sampler):
    table, calls = make_schedule("cosine", 100), []
    path = noise_levels(table, 6, "uniform")
    draw: Callable[[], Tensor] = lambda: normal(2, 1, 2, 2)  # noqa: E731
    steps = list(SAMPLERS[sampler](count_calls(table, calls), path, draw(), draw, SamplerOptions()))
    assert [step.index for step in steps] == [1, 2, 3, 4, 5, 6]
    torch.testing.assert_close(steps[-1].x, steps[-1].x0)  # the clean level is the last prediction
    assert set(calls) >= set(path.t.tolist())
    if sampler in ASKING_ONCE:
        assert calls == path.t.tolist()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nothing_overflows_in_float32_at_any_number_of_steps(sampler, schedule):
    table = make_schedule(schedule, 50)
    draw: Callable[[], Tensor] = lambda: normal(2, 1, 2, 2).float()  # noqa: E731
    options = SamplerOptions(churn=3.0, eta=0.5)
    for spacing, steps in itertools.product(SPACINGS, (1, 2, 9)):
        path = noise_levels(table, steps, spacing)
        x = starting_noise(path, draw)
        end = run(SAMPLERS[sampler], DATA.denoiser(table), path, x, draw, options)
        assert end.dtype == torch.float32 and bool(end.isfinite().all())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_step_is_the_prediction_itself(sampler):
    table = make_schedule("linear", 100)
    path, x = noise_levels(table, 1, "uniform"), normal(2, 1, 2, 2)
    torch.testing.assert_close(
        run(SAMPLERS[sampler], DATA.denoiser(table), path, x),
        DATA.denoiser(table)(x, torch.full((2,), 99)).x0,
    )


def test_the_start_has_the_first_levels_noise():
    for schedule, std in [("edm", 80.0), ("flow", 1.0), ("linear", 0.99998)]:
        path = noise_levels(make_schedule(schedule, 1000), 5, "uniform")
        start = starting_noise(path, lambda: torch.ones(1, 1, 1, 1).double())
        assert float(start) == pytest.approx(std, rel=1e-6)


def test_options_out_of_range_are_refused():
    for eta in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="eta must be a number from 0 to 1"):
            SamplerOptions(eta=eta)
    with pytest.raises(ValueError, match=r"churn must be a number of 0 or more, not -1"):
        SamplerOptions(churn=-1)
    with pytest.raises(ValueError, match="small or large, not 'medium'"):
        SamplerOptions(variance="medium")


# The table


def test_a_sampler_is_added_as_the_page_says(monkeypatch):
    """docs/extending.md: the function and its row; every test of this file then runs on it."""

    def euler(denoise, levels, x, noise, options):
        """Straight along the slope of x / signal over sigma / signal."""
        signal, sigma = levels.signal.tolist(), levels.sigma.tolist()
        for i in range(len(levels)):
            x0 = denoise(x, levels.t[i].expand(len(x))).x0
            slope = (x - signal[i] * x0) / sigma[i]  # the noise in x
            x = signal[i + 1] * x0 + sigma[i + 1] * slope
            yield Step(i + 1, x, x0)

    monkeypatch.setitem(SAMPLERS, "a new one", Sampler(euler, "ddim", 2, 50, 20))
    with pytest.raises(AssertionError):
        test_deterministic_samplers_converge_to_the_ode_at_their_order("a new one", "cosine")
    monkeypatch.setitem(SAMPLERS, "a new one", Sampler(euler, "ddim", 1, 50, 20))
    test_deterministic_samplers_converge_to_the_ode_at_their_order("a new one", "cosine")
    test_every_sampler_reaches_the_data_with_every_objective("a new one", "v", "linear")
    test_each_step_is_yielded_after_its_update("a new one")
    test_nothing_overflows_in_float32_at_any_number_of_steps("a new one", "flow")
    test_one_step_is_the_prediction_itself("a new one")
