import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.diffusion.levels import FEATURELESS_LOG_SNR, SPACINGS, noise_levels
from ddpm.diffusion.samplers import unipc
from ddpm.diffusion.schedules import PURE_NOISE_LOG_SNR, SCHEDULES, make_schedule
from tests.diffusion.oracle import Mixture, normal, run
from tests.examples import examples

EVERY = [(name, spacing) for name in SCHEDULES for spacing in SPACINGS]


@pytest.mark.parametrize(("name", "spacing"), EVERY)
@settings(deadline=None, max_examples=examples(6))
@given(num_steps=st.integers(2, 300), data=st.data())
def test_any_number_of_steps_gives_that_many_levels_of_the_table(name, spacing, num_steps, data):
    schedule = make_schedule(name, num_steps)
    start = data.draw(st.integers(0, num_steps - 1))
    steps = data.draw(st.integers(1, start + 1))
    path = noise_levels(schedule, steps, spacing, start=start)
    assert len(path) == len(path.t) == steps and path.t.dtype == torch.int64
    assert int(path.t[0]) == start and int(path.t[-1]) >= 0
    assert bool((path.t.diff() < 0).all())
    assert torch.equal(path.signal[:-1], schedule.signal[path.t]) and float(path.signal[-1]) == 1
    assert torch.equal(path.sigma[:-1], schedule.sigma[path.t]) and float(path.sigma[-1]) == 0


@pytest.mark.parametrize("spacing", SPACINGS)
def test_all_steps_are_all_levels(spacing):
    path = noise_levels(make_schedule("cosine", 50), 50, spacing)
    assert path.t.tolist() == list(range(49, -1, -1))


def test_even_spacings_by_hand():
    schedule = make_schedule("linear", 1000)
    assert noise_levels(schedule, 5, "uniform").t.tolist() == [999, 749, 500, 250, 0]
    assert noise_levels(schedule, 5, "trailing").t.tolist() == [999, 799, 599, 399, 199]  # Lin 2024
    assert noise_levels(schedule, 4, "quadratic").t.tolist() == [999, 444, 111, 0]
    assert noise_levels(schedule, 5, "trailing", start=99).t.tolist() == [99, 79, 59, 39, 19]


@pytest.mark.parametrize("name", ["linear", "edm", "flow"])
def test_log_snr_spacing_is_even_where_the_table_is_fine(name):
    schedule = make_schedule(name, 100_000)
    gaps = noise_levels(schedule, 20, "log-snr").half_log_snr[1:-5].diff()  # coarse near t = 0
    assert float(gaps.max() / gaps.min()) < 1.02


def test_karras_spacing_is_equation_5():
    schedule = make_schedule("edm", 100_000)
    i = torch.arange(18, dtype=torch.float64)
    wanted = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    torch.testing.assert_close(
        noise_levels(schedule, 18, "karras").sigma[:-1], wanted, rtol=1e-3, atol=0
    )


@pytest.mark.parametrize("spacing", ["log-snr", "karras"])
@pytest.mark.parametrize("name", ["cosine", "sigmoid", "flow"])
def test_no_levels_are_spent_on_pure_noise_but_the_first(name, spacing):
    schedule = make_schedule(name, 1000)
    path = noise_levels(schedule, 20, spacing)
    assert int(path.t[0]) == 999 and float(schedule.log_snr[-1]) < PURE_NOISE_LOG_SNR
    assert float(2 * path.half_log_snr[1]) > PURE_NOISE_LOG_SNR


def test_half_log_snr_reaches_both_infinities():
    lam = noise_levels(make_schedule("flow", 10), 3, "uniform").half_log_snr
    assert float(lam[0]) == -math.inf and float(lam[-1]) == math.inf
    assert float(lam[2]) == pytest.approx(math.log(0.9 / 0.1))


def test_one_step_of_a_path():
    path = noise_levels(make_schedule("linear", 100), 10, "uniform")
    inner, last = path.step(3), path.step(9)
    assert len(inner) == len(last) == 1
    assert torch.equal(inner.t, path.t[3:5]) and torch.equal(inner.sigma, path.sigma[3:5])
    assert torch.equal(last.t, path.t[9:]) and float(last.sigma[-1]) == 0


def test_a_wrong_request_is_told_what_there_is():
    schedule = make_schedule("linear", 100)
    with pytest.raises(ValueError, match="'even'; choose one of uniform, trailing"):
        noise_levels(schedule, 5, "even")
    for steps in (0, 101):
        with pytest.raises(ValueError, match=f"from 1 to 100, .* got {steps}"):
            noise_levels(schedule, steps, "uniform")
    with pytest.raises(ValueError, match="from 1 to 11, "):
        noise_levels(schedule, 12, "uniform", start=10)
    for start in (-1, 100):
        with pytest.raises(ValueError, match=f"from 0 to 99; got {start}"):
            noise_levels(schedule, 1, "uniform", start=start)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [3, 6, 20])
def test_compact_spacing_goes_from_what_is_seen_to_one_part_of_noise_in_as_many_as_steps(
    name, steps
):
    schedule = make_schedule(name, 100_000)
    path = noise_levels(schedule, steps, "compact")
    lam = 2 * path.half_log_snr[1:-1]
    assert int(path.t[0]) == 99_999
    assert float(lam[0]) == pytest.approx(FEATURELESS_LOG_SNR, abs=0.01)
    noise = float(path.sigma[-2] / path.signal[-2])
    assert noise == pytest.approx(1 / steps, rel=0.01)
    torch.testing.assert_close(
        lam.diff(), lam.diff().mean().expand(steps - 2), rtol=0.02, atol=0.01
    )


def test_compact_spacing_of_very_few_steps_and_of_a_path_that_begins_in_sight():
    schedule = make_schedule("cosine", 100_000)
    assert noise_levels(schedule, 1, "compact").t.tolist() == [99_999]
    two = noise_levels(schedule, 2, "compact")
    assert float(two.signal[1] / two.sigma[1]) == pytest.approx(2, rel=0.01)
    start = int((schedule.log_snr > -1).sum()) - 1
    lam = 2 * noise_levels(schedule, 5, "compact", start=start).half_log_snr[:-1]
    wanted = torch.linspace(-1, 2 * math.log(5), 5, dtype=torch.float64)
    torch.testing.assert_close(lam, wanted, rtol=0, atol=0.01)


def test_compact_spacing_follows_a_bending_path_best_in_few_steps():
    """Against the finely followed path of a mixture of three, from the same noise."""
    table = make_schedule("cosine", 1000)
    denoise = Mixture().denoiser(table)
    x = normal(1, 1, 32, 32)
    fine = run(unipc, denoise, noise_levels(table, 500, "uniform"), x)

    def error(spacing: str, steps: int) -> float:
        end = run(unipc, denoise, noise_levels(table, steps, spacing), x)
        return float((end - fine).square().mean().sqrt())

    for steps in (6, 8, 10):
        others = [error(spacing, steps) for spacing in SPACINGS if spacing != "compact"]
        assert error("compact", steps) < 0.9 * min(others)
