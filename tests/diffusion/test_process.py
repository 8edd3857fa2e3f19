import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.diffusion.process import add_noise, posterior, transition
from ddpm.diffusion.schedules import SCHEDULES, make_schedule
from tests.diffusion.oracle import normal
from tests.examples import examples


def test_noise_is_added_by_equation_4():
    schedule = make_schedule("linear", 1000)
    x0, noise, t = normal(3, 2, 4, 4), normal(3, 2, 4, 4, seed=1), torch.tensor([0, 500, 999])
    x_t = add_noise(schedule, x0, t, noise)
    for image, time in enumerate(t.tolist()):
        kept = (1 - schedule.betas[: time + 1]).prod()
        wanted = kept.sqrt() * x0[image] + (1 - kept).sqrt() * noise[image]
        torch.testing.assert_close(x_t[image], wanted)


def test_wrong_times_and_noise_are_answered_in_a_sentence():
    schedule, x0 = make_schedule("linear", 10), normal(3, 1, 4, 4)
    whole = r"one whole number for each image, int64 \[3\], not "
    with pytest.raises(ValueError, match=whole + r"torch\.float32 \[3\]"):
        add_noise(schedule, x0, torch.rand(3), x0)
    with pytest.raises(ValueError, match=whole + r"torch\.int64 \[2\]"):
        add_noise(schedule, x0, torch.tensor([1, 2]), x0)
    with pytest.raises(ValueError, match=r"the shape of x0, \[3, 1, 4, 4\], not \[1, 4, 4\]"):
        add_noise(schedule, x0, torch.tensor([1, 2, 3]), x0[0])


def test_between_neighbours_the_posterior_is_equations_6_and_7():
    schedule, t = make_schedule("linear", 1000), 400
    x_t, x0 = normal(2, 1, 3, 3), normal(2, 1, 3, 3, seed=1)
    noisy, clean = ((schedule.signal[k], schedule.sigma[k]) for k in (t, t - 1))
    mean, variance = posterior(x_t, x0, noisy, clean)
    beta, bar, before = schedule.betas[t], schedule.alpha_bars[t], schedule.alpha_bars[t - 1]
    wanted = before.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - before) * x_t
    torch.testing.assert_close(mean, wanted / (1 - bar))
    torch.testing.assert_close(variance, (1 - before) / (1 - bar) * beta)
    ratio, forward = transition(noisy, clean)
    assert float(ratio**2) == pytest.approx(float(1 - beta))
    assert float(forward) == pytest.approx(float(beta))


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@settings(deadline=None, max_examples=examples(20))
@given(data=st.data())
def test_any_two_levels_agree_with_bayes_rule(name, data):
    """q(x_s | x_t, x0) by precisions: what x0 says of x_s, and what x_t says of it."""
    schedule = make_schedule(name, 100)
    t = data.draw(st.integers(1, 98))
    s = data.draw(st.integers(0, t - 1))
    (a_t, sigma_t), (a_s, sigma_s) = (
        (float(schedule.signal[k]), float(schedule.sigma[k])) for k in (t, s)
    )
    x_t, x0 = normal(1, 1, 1, 4, seed=t), normal(1, 1, 1, 4, seed=s)
    mean, variance = posterior(x_t, x0, (a_t, sigma_t), (a_s, sigma_s))
    seen = (a_t / a_s) ** 2 / (sigma_t**2 - (a_t / a_s * sigma_s) ** 2)
    precision = 1 / sigma_s**2 + seen
    wanted = (a_s * x0 / sigma_s**2 + seen * x_t * a_s / a_t) / precision
    torch.testing.assert_close(mean, wanted)
    assert variance == pytest.approx(1 / precision)


def test_from_pure_noise_the_posterior_forgets_x_t():
    x_t, x0 = normal(1, 1, 2, 2), normal(1, 1, 2, 2, seed=1)
    mean, variance = posterior(x_t, x0, (0.0, 1.0), (0.6, 0.4))
    torch.testing.assert_close(mean, 0.6 * x0)
    assert variance == pytest.approx(0.16)


def test_the_clean_image_is_certain():
    x_t, x0 = normal(1, 1, 2, 2), normal(1, 1, 2, 2, seed=1)
    mean, variance = posterior(x_t, x0, (0.8, 0.6), (1.0, 0.0))
    torch.testing.assert_close(mean, x0)
    assert variance == 0
