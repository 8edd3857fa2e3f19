import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from ddpm.diffusion.likelihood import (
    PIXEL_STEP,
    bits_per_dim_bound,
    bits_per_dim_ode,
    discretized_log_likelihood,
    normal_kl,
    ode_log_likelihood,
    strata,
    vlb_term,
)
from ddpm.diffusion.process import posterior
from ddpm.diffusion.samplers import Denoiser, Prediction
from ddpm.diffusion.schedules import SCHEDULES, Schedule, make_schedule
from tests.diffusion.oracle import Gaussian, normal

DATA = Gaussian()
VALUES = torch.arange(256, dtype=torch.float64) * PIXEL_STEP - 1
LN2 = math.log(2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_normal_kl_is_torchs():
    means, logs = normal(2, 50), normal(2, 50, seed=1)
    q, p = (Normal(mean, (log / 2).exp()) for mean, log in zip(means, logs, strict=True))
    torch.testing.assert_close(normal_kl(means[0], logs[0], means[1], logs[1]), kl_divergence(q, p))


@pytest.mark.parametrize("std", [0.001, 0.02, 0.5, 5.0])
@pytest.mark.parametrize("mean", [-1.4, -1.0, 0.1234, 0.999])
def test_the_256_values_share_all_the_mass(mean, std):
    centre, log_var = torch.full_like(VALUES, mean), torch.full_like(VALUES, 2 * math.log(std))
    mass = discretized_log_likelihood(VALUES, centre, log_var).exp()
    assert float(mass.sum()) == pytest.approx(1, abs=1e-9)


def test_a_value_gets_the_mass_of_its_interval():
    centre, std = torch.full_like(VALUES, 0.3), 0.2
    found = discretized_log_likelihood(VALUES, centre, torch.full_like(VALUES, 2 * math.log(std)))
    cdf = Normal(centre, std).cdf
    wanted = cdf(VALUES + PIXEL_STEP / 2) - cdf(VALUES - PIXEL_STEP / 2)
    torch.testing.assert_close(found[1:-1].exp(), wanted[1:-1])
    torch.testing.assert_close(found[0].exp(), cdf(VALUES + PIXEL_STEP / 2)[0])
    torch.testing.assert_close(found[-1].exp(), 1 - cdf(VALUES - PIXEL_STEP / 2)[-1])


def test_far_tails_are_finite_and_can_be_learnt_from_in_float32():
    x0 = torch.tensor([-1.0, -0.9, 0.0, 0.9, 1.0])
    mean = (-x0 + 0.5).requires_grad_()
    found = discretized_log_likelihood(x0, mean, torch.full_like(x0, 2 * math.log(0.02)))
    (slope,) = torch.autograd.grad(found.sum(), mean)
    exact = -0.5 * ((x0 - mean) / 0.02).square()
    assert bool(found.isfinite().all()) and bool((found.detach() < -50).all())
    torch.testing.assert_close(found[1:4], exact[1:4], rtol=0.25, atol=0)
    assert bool((slope.sign() == (x0 - mean).sign()).all())


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("variance", [0.0, 1.0, 0.3])
def test_a_middle_term_is_the_kl_of_the_posteriors(schedule, variance):
    """Equation 5: the true posterior against the model's, both built by torch.distributions."""
    table, t = make_schedule(schedule, 100), torch.tensor([1, 40, 98])
    x0, x0_hat, x_t = (normal(3, 2, 3, 3, seed=seed) for seed in range(3))
    noisy, clean = table.at(t, x0), table.at(t - 1, x0)
    mean, var = posterior(x_t, x0, noisy, clean)
    guess, _ = posterior(x_t, x0_hat, noisy, clean)
    large = noisy[1] ** 2 - (noisy[0] / clean[0] * clean[1]) ** 2
    modelled = large**variance * var ** (1 - variance)
    wanted = kl_divergence(Normal(mean, var.sqrt()), Normal(guess, modelled.sqrt()))
    found = vlb_term(table, x0, x0_hat, t, variance)
    torch.testing.assert_close(found, wanted.mean(dim=(1, 2, 3)) / LN2)


def test_the_last_term_is_the_images_mass():
    table = make_schedule("linear", 100)
    x0 = VALUES[normal(2, 1, 3, 3).mul(40).long() + 128]
    x0_hat, t = x0 + 0.005 * normal(2, 1, 3, 3, seed=1), torch.zeros(2, dtype=torch.int64)
    bars, betas = table.alpha_bars, table.betas
    for variance, value in [(0.0, (1 - bars[0]) / (1 - bars[1]) * betas[1]), (1.0, betas[0])]:
        model = Normal(x0_hat, float(value) ** 0.5)
        mass = model.cdf(x0 + PIXEL_STEP / 2) - model.cdf(x0 - PIXEL_STEP / 2)
        wanted = -mass.log().mean(dim=(1, 2, 3)) / LN2
        torch.testing.assert_close(vlb_term(table, x0, x0_hat, t, variance), wanted)


def off_by(gap: float, x0: Tensor) -> Denoiser:
    return lambda x, t: Prediction(x0 + gap)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_constant_error_costs_half_the_snr_times_its_square(schedule):
    """Kingma et al. 2021, Eq. 13: terms of (SNR(s) - SNR(t)) / 2 |x0 - x0_hat|², which telescope."""
    table, x0 = make_schedule(schedule, 60), DATA.draw(2, 1, 3, 3)
    bound = bits_per_dim_bound(off_by(0.01, x0), table, x0, generator())
    snr = table.snr
    wanted = 0.5 * float(snr[0] - snr[-1]) * 0.01**2 / LN2
    assert bound.steps.tolist() == pytest.approx([wanted] * 2)
    prior = 0.5 * (float(snr[-1]) * x0.square()).mean(dim=(1, 2, 3)) / LN2
    torch.testing.assert_close(bound.prior, prior)
    torch.testing.assert_close(bound.total, bound.prior + bound.steps + bound.pixels)


def test_a_sample_of_the_terms_is_unbiased():
    table, x0 = make_schedule("cosine", 40), DATA.draw(1, 1, 2, 2)
    full = float(bits_per_dim_bound(off_by(0.05, x0), table, x0, generator()).steps)
    g = generator(1)
    parts = [
        float(bits_per_dim_bound(off_by(0.05, x0), table, x0, g, terms=8).steps) for _ in range(60)
    ]
    mean, error = torch.tensor(parts).mean(), torch.tensor(parts).std() / 60**0.5
    assert float(error) > 0 and abs(float(mean) - full) < 4 * float(error)


@pytest.mark.parametrize(("middle", "count"), [(999, 50), (999, 999), (9, 8), (39, 8), (5, 1)])
def test_strata_part_the_terms_and_widen(middle: int, count: int) -> None:
    edges = strata(middle, count)
    widths = [end - first for first, end in itertools.pairwise(edges)]
    assert (edges[0], edges[-1], len(widths)) == (1, middle + 1, count)
    assert min(widths) >= 1
    assert widths[-1] == max(widths)


def test_few_terms_are_nearly_exact_where_they_fall_with_t():
    """A constant error where the SNR is 1/s at step s: the terms are in proportion to 1/(s (s - 1))."""
    s = torch.arange(1, 401, dtype=torch.float64)
    table = Schedule("harmonic", (1 / (1 + s)).sqrt(), (s / (1 + s)).sqrt())
    x0 = DATA.draw(1, 1, 2, 2)
    full = float(bits_per_dim_bound(off_by(0.3, x0), table, x0, generator()).steps)
    for seed in range(5):
        part = bits_per_dim_bound(off_by(0.3, x0), table, x0, generator(seed), terms=40)
        assert float(part.steps) == pytest.approx(full, rel=0.02)


def test_the_bound_is_above_the_entropy_and_nears_it():
    """Gaussian data under its exact denoiser: the true bits are known, and finer steps cost less."""
    x0 = ((DATA.draw(4, 1, 32, 32) + 1) / PIXEL_STEP).round() * PIXEL_STEP - 1
    true = -Normal(DATA.mean, DATA.std).log_prob(x0).mean() / LN2 - math.log2(PIXEL_STEP)
    gaps = []
    for num_steps in (60, 240):
        table = make_schedule("edm", num_steps)
        bound = bits_per_dim_bound(DATA.denoiser(table), table, x0, generator())
        gaps.append(float(bound.total.mean() - true))
    assert gaps[0] > gaps[1] > 0 and gaps[1] < 1.2


def test_variances_of_the_bound():
    table, x0 = make_schedule("linear", 50), DATA.draw(2, 1, 4, 4)
    ideal = DATA.denoiser(table)

    def total(denoise: Denoiser, **options: str) -> Tensor:
        return bits_per_dim_bound(denoise, table, x0, generator(), **options).total

    def learned(share: float) -> Denoiser:
        return lambda x, t: Prediction(ideal(x, t).x0, torch.full_like(x, share))

    torch.testing.assert_close(total(learned(0.0)), total(ideal, variance="small"))
    torch.testing.assert_close(total(learned(1.0)), total(ideal, variance="large"))
    assert not torch.allclose(total(ideal, variance="large"), total(ideal))


def test_terms_out_of_range_are_refused():
    table, x0 = make_schedule("linear", 10), DATA.draw(1, 1, 2, 2)
    for terms in (0, 10):
        with pytest.raises(ValueError, match=f"from 1 to 9; got {terms}"):
            bits_per_dim_bound(off_by(0, x0), table, x0, generator(), terms=terms)


def smoothed(table: Schedule, x0: Tensor) -> Tensor:
    """ln p at the table's cleanest level, [N]: Gaussian data with that level's noise."""
    spread = (DATA.std**2 + float(table.sigma[0] / table.signal[0]) ** 2) ** 0.5
    return Normal(DATA.mean, spread).log_prob(x0).sum(dim=(1, 2, 3))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_ode_knows_the_density_of_gaussian_data(schedule):
    table, x0 = make_schedule(schedule, 2000), DATA.draw(4, 1, 4, 4)
    found = ode_log_likelihood(DATA.denoiser(table), table, x0, generator(), steps=150)
    torch.testing.assert_close(found, smoothed(table, x0), rtol=0, atol=0.05)


def test_the_ode_converges_at_second_order():
    table, x0 = make_schedule("edm", 20_000), DATA.draw(4, 1, 4, 4)
    errors = [
        ode_log_likelihood(DATA.denoiser(table), table, x0, generator(), steps).sub(
            smoothed(table, x0)
        )
        for steps in (33, 65)
    ]
    assert float(errors[0].abs().mean() / errors[1].abs().mean()) == pytest.approx(4, abs=0.7)


def test_the_trace_is_estimated_without_bias():
    """Pixels that lean on each other: single signs err, their mean does not."""
    table = make_schedule("edm", 200)
    mix = torch.tensor([[1.0, 0.9], [0.9, 1.0]]).double() * 0.25

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        _, sigma = table.at(t, x)
        noisy = mix + torch.eye(2).double() * sigma.view(-1, 1, 1) ** 2
        gain = torch.linalg.solve(noisy, mix.expand_as(noisy), left=False)
        return Prediction((gain @ x.flatten(1)[..., None]).view_as(x))

    x0 = torch.tensor([[0.3, -0.2]]).double().view(1, 1, 1, 2).expand(300, -1, -1, -1)
    found = ode_log_likelihood(denoise, table, x0, generator(), steps=60)
    exact = torch.distributions.MultivariateNormal(torch.zeros(2).double(), mix)
    wanted = float(exact.log_prob(x0[0].flatten()))
    assert float(found.std()) > 0.05
    assert float(found.mean()) == pytest.approx(
        wanted, abs=0.02 + 4 * float(found.std()) / 300**0.5
    )


def test_the_odes_bits_are_those_of_the_8_bit_values():
    table = make_schedule("edm", 2000)
    x0 = ((DATA.draw(8, 1, 16, 16) + 1) / PIXEL_STEP).round() * PIXEL_STEP - 1
    unbounded = Normal(DATA.mean, DATA.std)
    mass = unbounded.cdf(x0 + PIXEL_STEP / 2) - unbounded.cdf(x0 - PIXEL_STEP / 2)
    bits = bits_per_dim_ode(DATA.denoiser(table), table, x0, generator(), steps=100)
    torch.testing.assert_close(bits, -mass.log2().mean(dim=(1, 2, 3)), rtol=0, atol=0.01)


def test_dequantization_leans_to_neither_side():
    """Values as far above as below the mean of sharp data cost the same."""
    sharp, table = Gaussian(mean=0.0, std=0.02), make_schedule("edm", 1000)
    above, below = (
        bits_per_dim_ode(
            sharp.denoiser(table), table, torch.full((1, 1, 64, 64), x).double(), generator(seed)
        )
        for seed, x in enumerate((0.04, -0.04))
    )
    assert float(above) == pytest.approx(float(below), abs=0.03)
