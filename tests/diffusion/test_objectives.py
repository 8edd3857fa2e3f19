import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ddpm.diffusion.likelihood import vlb_term
from ddpm.diffusion.objectives import (
    OBJECTIVES,
    WEIGHTINGS,
    Objective,
    make_objective,
    pseudo_huber,
    split_variance,
    training_loss,
)
from ddpm.diffusion.schedules import SCHEDULES, Schedule, make_schedule
from tests.diffusion.oracle import Gaussian, normal
from tests.examples import examples

MEAN, STD = torch.tensor([-0.7, 0.1]), 0.6
REFUSED = [("noise", "flow")] + [(o, "edm") for o in ("noise", "x0", "v", "velocity")]
VALID = [(o, s) for o in OBJECTIVES for s in SCHEDULES if (o, s) not in REFUSED]


def objective_for(name: str, schedule: Schedule) -> Objective:
    return make_objective(name, schedule, MEAN, STD)


def batch(n: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    return 0.5 * normal(n, 2, 4, 4, seed=seed), normal(n, 2, 4, 4, seed=seed + 100)


@pytest.mark.parametrize(("name", "path"), VALID)
@settings(deadline=None, max_examples=examples(8))
@given(t=st.lists(st.integers(0, 99), min_size=6, max_size=6), seed=st.integers(0, 99))
def test_the_target_means_the_image_it_was_made_from(name, path, t, seed):
    schedule = make_schedule(path, 100)
    objective, (x0, noise) = objective_for(name, schedule), batch(seed=seed)
    signal, sigma = schedule.at(torch.tensor(t), x0)
    target = objective.target(x0, noise, signal, sigma)
    back = objective.to_x0(target, signal * x0 + sigma * noise, signal, sigma)
    torch.testing.assert_close(back, x0, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(("name", "path"), VALID)
def test_x0_scale_turns_errors_of_the_image_into_errors_of_the_output(name, path):
    schedule = make_schedule(path, 100)
    objective, (x0, noise) = objective_for(name, schedule), batch()
    signal, sigma = schedule.at(torch.tensor([0, 1, 30, 60, 98, 99]), x0)
    target, x_t = objective.target(x0, noise, signal, sigma), signal * x0 + sigma * noise
    wrong = objective.to_x0(target + 0.01, x_t, signal, sigma)
    scale = objective.x0_scale(signal, sigma)
    error = (wrong - x0).square() * scale
    torch.testing.assert_close(error, torch.full_like(x0, 1e-4), rtol=1e-5, atol=0)


def test_targets_by_hand():
    x0, noise, signal, sigma = (torch.full((1, 1, 1, 1), v) for v in (0.5, 2.0, 0.6, 0.8))
    schedule = make_schedule("linear", 10)
    wanted = {"noise": 2.0, "x0": 0.5, "v": 0.6 * 2 - 0.8 * 0.5, "velocity": 1.5}
    for name, value in wanted.items():
        assert float(objective_for(name, schedule).target(x0, noise, signal, sigma)) == (
            pytest.approx(value)
        )


def test_velocity_is_the_slope_of_the_straight_path():
    schedule = make_schedule("flow", 100)
    x0, noise = batch()
    here, there = (schedule.signal[k] * x0 + schedule.sigma[k] * noise for k in (40, 41))
    anywhere = schedule.at(torch.zeros(6, dtype=torch.int64), x0)
    target = objective_for("velocity", schedule).target(x0, noise, *anywhere)
    torch.testing.assert_close((there - here) * 100, target)


def test_on_a_preserving_path_the_scales_are_the_papers():
    schedule = make_schedule("cosine", 100)
    snr = schedule.snr[:99].view(-1, 1, 1, 1)
    signal, sigma = (table[:99].view(-1, 1, 1, 1) for table in (schedule.signal, schedule.sigma))
    scales = {n: objective_for(n, schedule).x0_scale(signal, sigma) for n in ("noise", "x0", "v")}
    torch.testing.assert_close(scales["noise"], snr)
    torch.testing.assert_close(scales["x0"], torch.ones_like(snr))
    torch.testing.assert_close(scales["v"], snr + 1)


def test_edm_is_table_1():
    """D, c_skip, c_out, c_in and lambda as printed, around the data's mean."""
    schedule = make_schedule("edm", 50)
    objective, (x0, noise) = objective_for("edm", schedule), batch()
    signal, sigma = schedule.at(torch.tensor([0, 10, 20, 30, 40, 49]), x0)
    y, mean = x0 + sigma * noise, MEAN.view(1, 2, 1, 1).double()
    c_skip = STD**2 / (sigma**2 + STD**2)
    c_out = sigma * STD / (sigma**2 + STD**2).sqrt()
    c_in = 1 / (sigma**2 + STD**2).sqrt()
    output = normal(6, 2, 4, 4, seed=7)
    torch.testing.assert_close(objective.network_input(y, signal, sigma), c_in * (y - mean))
    denoised = mean + c_skip * (y - mean) + c_out * output
    torch.testing.assert_close(objective.to_x0(output, y, signal, sigma), denoised)
    loss_weight = (sigma**2 + STD**2) / (sigma * STD) ** 2
    torch.testing.assert_close(objective.x0_scale(signal, sigma), loss_weight)


@pytest.mark.parametrize("path", SCHEDULES)
def test_edm_feeds_and_asks_for_unit_variance_everywhere(path):
    schedule, data = make_schedule(path, 100), Gaussian(mean=-0.7, std=0.6)
    objective = make_objective("edm", schedule, torch.tensor([-0.7]), 0.6)
    x0, noise = data.draw(1, 1, 200, 200), normal(1, 1, 200, 200, seed=1)
    for t in (0, 50, 99):
        signal, sigma = schedule.at(torch.tensor([t]), x0)
        given_ = objective.network_input(signal * x0 + sigma * noise, signal, sigma)
        asked = objective.target(x0, noise, signal, sigma)
        for values in (given_, asked):
            assert float(values.mean()) == pytest.approx(0, abs=0.02)
            assert float(values.std()) == pytest.approx(1, abs=0.02)


def test_what_cannot_work_is_refused_with_the_mend():
    with pytest.raises(ValueError, match=r"last step of the flow schedule.*choose objective v"):
        objective_for("noise", make_schedule("flow", 10))
    for name in ("noise", "x0", "v", "velocity"):
        with pytest.raises(ValueError, match=r"goes up to 80, .*choose objective edm"):
            objective_for(name, make_schedule("edm", 10))
    with pytest.raises(ValueError, match="'eps'; choose one of noise, x0, v, velocity, edm"):
        objective_for("eps", make_schedule("linear", 10))
    with pytest.raises(ValueError, match="one flat color"):
        make_objective("edm", make_schedule("edm", 10), MEAN, 0.0)


def weights(weighting: str, objective: str) -> tuple[Tensor, Tensor]:
    """(weight, snr) at every time of the cosine schedule."""
    schedule = make_schedule("cosine", 100)
    signal, sigma = schedule.signal, schedule.sigma
    scale = objective_for(objective, schedule).x0_scale(signal, sigma)
    return WEIGHTINGS[weighting](schedule.snr, scale), schedule.snr


def test_min_snr_is_the_papers_for_each_objective():
    """Hang et al. 2023, section 3.4: min(SNR, 5) on x0, over SNR for noise, over SNR + 1 for v."""
    for objective, below in [("x0", 0), ("noise", 1), ("v", None)]:
        weight, snr = weights("min-snr", objective)
        divisor = snr + 1 if below is None else snr**below
        torch.testing.assert_close(weight, snr.clamp(max=5) / divisor)


def test_p2_is_the_papers_relative_to_simple_noise_prediction():
    weight, snr = weights("p2", "noise")
    torch.testing.assert_close(weight, 1 / (1 + snr))  # Choi et al. 2022, Eq. 8: k = 1, gamma = 1


def test_simple_leaves_every_target_as_it_is():
    for objective in ("noise", "x0", "v", "velocity", "edm"):
        weight, _ = weights("simple", objective)
        assert torch.equal(weight, torch.ones(100).double())


@pytest.mark.parametrize("weighting", ["min-snr", "p2"])
def test_a_weight_means_the_same_for_every_objective(weighting):
    """The loss of one and the same wrong image does not depend on the words it was said in."""
    schedule, (x0, noise) = make_schedule("cosine", 100), batch()
    t = torch.tensor([5, 20, 40, 60, 80, 95])
    signal, sigma = schedule.at(t, x0)
    x_t, wrong = signal * x0 + sigma * noise, x0 + 0.1
    rest = (x_t - signal * wrong) / sigma
    losses = []
    for name in OBJECTIVES:
        objective = objective_for(name, schedule)
        output = objective.target(wrong, rest, signal, sigma)
        loss = training_loss(
            lambda x, t, output=output: output, schedule, objective, x0, t, noise,
            weighting=weighting,
        )  # fmt: skip
        losses.append(loss)
    for other in losses[1:]:
        torch.testing.assert_close(other, losses[0])


def test_the_loss_is_algorithm_1():
    schedule, (x0, noise) = make_schedule("linear", 1000), batch()
    t = torch.tensor([0, 100, 300, 500, 700, 999])
    seen = {}

    def predict(x: Tensor, t: Tensor) -> Tensor:
        seen["x"], seen["t"] = x, t
        return 0.3 * x

    losses = training_loss(predict, schedule, objective_for("noise", schedule), x0, t, noise)
    bars = schedule.alpha_bars[t].view(-1, 1, 1, 1)
    x_t = bars.sqrt() * x0 + (1 - bars).sqrt() * noise
    torch.testing.assert_close(seen["x"], x_t)
    assert torch.equal(seen["t"], t)
    wanted = (noise - 0.3 * x_t).square().flatten(1).mean(dim=1)
    torch.testing.assert_close(losses, wanted)


def test_an_ideal_network_is_left_with_the_posterior_variance():
    """Gaussian data: E|noise - E[noise | x_t]|² = 1 - sigma² / var(x_t), in closed form."""
    schedule, data = make_schedule("linear", 1000), Gaussian()
    x0, noise = data.draw(1, 1, 300, 300), normal(1, 1, 300, 300, seed=1)
    for t in (50, 300, 700):
        signal, sigma = float(schedule.signal[t]), float(schedule.sigma[t])

        def predict(x: Tensor, _: Tensor, signal: float = signal, sigma: float = sigma) -> Tensor:
            return (x - signal * data.denoised(x, signal, sigma)) / sigma

        loss = training_loss(
            predict, schedule, objective_for("noise", schedule), x0, torch.tensor([t]), noise
        )
        wanted = 1 - sigma**2 / data.variance_at(signal, sigma)
        assert float(loss) == pytest.approx(wanted, rel=0.03)


@pytest.mark.parametrize("name", ["noise", "x0", "v"])
def test_the_hybrid_loss_is_equation_16(name):
    schedule, (x0, noise) = make_schedule("cosine", 100), batch()
    objective, t = objective_for(name, schedule), torch.tensor([0, 1, 20, 50, 80, 99])
    output = 0.1 * normal(6, 4, 4, 4, seed=9)
    output.requires_grad_()

    def loss(learned: bool) -> Tensor:
        def predict(x: Tensor, t: Tensor) -> Tensor:
            return output if learned else output[:, :2]

        return training_loss(predict, schedule, objective, x0, t, noise, learned_variance=learned)

    signal, sigma = schedule.at(t, x0)
    prediction, interpolation = split_variance(output)
    x0_hat = objective.to_x0(prediction, signal * x0 + sigma * noise, signal, sigma)
    bound = vlb_term(schedule, x0, x0_hat, t, interpolation)
    torch.testing.assert_close(loss(True), loss(False) + 0.001 * 100 * bound)
    (hybrid,) = torch.autograd.grad(loss(True).sum(), output)
    (simple,) = torch.autograd.grad(loss(False).sum(), output)
    torch.testing.assert_close(hybrid[:, :2], simple[:, :2])  # the mean learns from L_simple alone
    assert bool((hybrid[:, 2:].abs().amax(dim=(1, 2, 3)) > 0).all())


def test_a_zero_output_begins_half_way_between_the_variances():
    output = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 4, 1, 1)
    prediction, interpolation = split_variance(output)
    assert prediction.flatten().tolist() == [1.0, 1.0]
    assert interpolation.flatten().tolist() == [0.5, 0.5]
    ends = split_variance(torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1).repeat(1, 2, 1, 1))[1]
    assert ends.flatten().tolist() == [0.0, 1.0]


def test_an_unknown_weighting_is_told_what_there_is():
    schedule, (x0, noise) = make_schedule("linear", 10), batch()
    with pytest.raises(
        ValueError, match=r"'snr'; did you mean .min-snr.. choose one of simple, min"
    ):
        training_loss(
            lambda x, t: x, schedule, objective_for("v", schedule), x0, torch.zeros(6).long(),
            noise, weighting="snr",
        )  # fmt: skip


@pytest.mark.parametrize(("name", "path"), VALID)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_every_loss_is_finite_in_float32_at_both_ends(name, path, weighting):
    schedule = make_schedule(path, 1000)
    x0, noise = (values.float() for values in batch(2))
    losses = training_loss(
        lambda x, t: torch.zeros_like(x), schedule, objective_for(name, schedule), x0,
        torch.tensor([0, 999]), noise, weighting=weighting,
    )  # fmt: skip
    assert losses.dtype == torch.float32
    assert bool(losses.isfinite().all())


def test_the_variance_learns_where_an_untrained_network_is_far_off():
    """At the last step of a long cosine schedule x0_hat = x_t / signal is 1e5: no slope may be NaN."""
    schedule = make_schedule("cosine", 10_000)
    x0, noise = (values.float() for values in batch(2))
    output = torch.zeros(2, 4, 4, 4, requires_grad=True)
    losses = training_loss(
        lambda x, t: output, schedule, objective_for("noise", schedule), x0,
        torch.tensor([9999, 0]), noise, learned_variance=True,
    )  # fmt: skip
    (slope,) = torch.autograd.grad(losses.sum(), output)
    assert bool(losses.isfinite().all()) and bool(slope.isfinite().all())


def test_the_pseudo_huber_loss_is_squared_when_small_and_linear_when_large():
    small, large = torch.full((2, 1, 4, 4), 1e-3), torch.full((2, 1, 4, 4), 1e3)
    torch.testing.assert_close(pseudo_huber(small, 1.0), torch.full((2,), 1e-6), rtol=1e-3, atol=0)
    torch.testing.assert_close(pseudo_huber(large, 0.5), torch.full((2,), 2 * 0.5 * (1e3 - 0.5)))
    error = torch.tensor([1.0, 3.0]).view(1, 1, 1, 2)
    expected = 2 * 2.0 * ((5.0 + 4.0) ** 0.5 - 2.0)  # mean square 5, c = 2
    torch.testing.assert_close(pseudo_huber(error, 2.0), torch.tensor([expected]))


def test_a_learned_uncertainty_weighs_the_gradient_and_not_the_value():
    """Karras et al. 2024, Eq. 21, in every image: d/d(output) is divided by e^u, d/du is 1 - loss / e^u."""
    schedule = make_schedule("cosine", 100)
    objective, (x0, noise) = objective_for("v", schedule), batch(3)
    t, u = (
        torch.tensor([5, 50, 95]),
        torch.tensor([-1.0, 0.5, 2.0], dtype=x0.dtype, requires_grad=True),
    )
    output = torch.zeros_like(x0).requires_grad_()

    def loss(**uncertainty):
        return training_loss(lambda x, t: output, schedule, objective, x0, t, noise, **uncertainty)

    plain, learned = loss(), loss(uncertainty=lambda times: u * (times == t))
    torch.testing.assert_close(learned, plain, rtol=1e-12, atol=0)
    (to_output,) = torch.autograd.grad(plain.sum(), output)
    found, to_u = torch.autograd.grad(learned.sum(), (output, u))
    torch.testing.assert_close(found, to_output / u.exp().view(3, 1, 1, 1))
    torch.testing.assert_close(to_u, 1 - plain.detach() / u.exp())
