import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.diffusion.schedules import SCHEDULES, Schedule, cosine, edm, flow, linear, make_schedule
from tests.examples import examples

VARIANCE_PRESERVING = ["linear", "cosine", "sigmoid"]
EVERY = sorted(SCHEDULES)


def test_linear_at_1000_steps_is_the_papers():
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    schedule = linear(1000)
    torch.testing.assert_close(schedule.betas, betas, rtol=1e-10, atol=0)
    torch.testing.assert_close(schedule.alpha_bars, (1 - betas).cumprod(0), rtol=1e-12, atol=0)
    assert float(schedule.alpha_bars[-1]) == pytest.approx(4.0358e-5, rel=1e-4)


@pytest.mark.parametrize("num_steps", [100, 500, 4000])
def test_linear_is_scaled_so_that_its_end_stays_the_papers(num_steps):
    assert float(linear(num_steps).log_snr[-1]) == pytest.approx(-10.1, abs=0.8)


def test_linear_clips_where_the_scaled_betas_would_reach_one():
    assert float(linear(20).betas.max()) == pytest.approx(0.999)  # 0.02 * 1000 / 20 = 1
    assert float(linear(21).betas.max()) == pytest.approx(0.02 * 1000 / 21)


def test_cosine_is_equation_17_until_the_clip():
    u = (torch.arange(1, 998, dtype=torch.float64) / 1000 + 0.008) / 1.008
    wanted = (u * math.pi / 2).cos() ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    schedule = cosine(1000)
    torch.testing.assert_close(schedule.alpha_bars[:997], wanted)
    assert float(schedule.betas[-1]) == pytest.approx(0.999)
    assert float(schedule.betas[:-1].max()) < 0.999


def test_sigmoid_is_symmetric_about_its_middle():
    alpha_bars = make_schedule("sigmoid", 1000).alpha_bars
    inner = alpha_bars[:999]  # u = 0.001 .. 0.999
    torch.testing.assert_close(inner + inner.flip(0), torch.ones_like(inner))
    high, low, quarter = (1 / (1 + math.exp(-u)) for u in (3, -3, -1.5))
    assert float(alpha_bars[249]) == pytest.approx((high - quarter) / (high - low))


def test_flow_is_straight_and_ends_in_pure_noise():
    schedule = flow(4)
    assert schedule.signal.tolist() == [0.75, 0.5, 0.25, 0.0]
    assert schedule.sigma.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert schedule.has_zero_terminal_snr
    assert float(schedule.log_snr[-1]) == -math.inf


def test_edm_spans_the_papers_range_evenly_in_the_logarithm():
    schedule = edm(1000)
    assert schedule.sigma[[0, -1]].tolist() == pytest.approx([0.002, 80])
    assert float(schedule.sigma.log().diff().std()) < 1e-12
    assert torch.equal(schedule.signal, torch.ones(1000).double())


@pytest.mark.parametrize("name", EVERY)
@settings(deadline=None, max_examples=examples(8))
@given(num_steps=st.integers(2, 3000))
def test_every_path_goes_from_image_to_noise(name, num_steps):
    schedule = make_schedule(name, num_steps)
    assert len(schedule) == num_steps and schedule.name == name
    assert schedule.signal.dtype == schedule.sigma.dtype == torch.float64
    assert bool((schedule.log_snr.diff() < 0).all())
    assert bool((schedule.sigma > 0).all()) and bool((schedule.signal >= 0).all())
    assert schedule.has_zero_terminal_snr == (name == "flow")


@pytest.mark.parametrize("name", VARIANCE_PRESERVING)
def test_betas_multiply_up_to_the_alpha_bars(name):
    schedule = make_schedule(name, 1000)
    assert bool((schedule.betas > 0).all()) and bool((schedule.betas <= 0.999 + 1e-12).all())
    torch.testing.assert_close((1 - schedule.betas).cumprod(0), schedule.alpha_bars)
    snr = schedule.alpha_bars / (1 - schedule.alpha_bars)
    torch.testing.assert_close(schedule.snr, snr, rtol=1e-6, atol=0)
    torch.testing.assert_close(schedule.log_snr, snr.log())


@pytest.mark.parametrize("name", ["flow", "edm"])
def test_only_variance_preserving_paths_have_betas(name):
    schedule = make_schedule(name, 10)
    for table in ("alpha_bars", "alphas", "betas"):
        with pytest.raises(ValueError, match="does not preserve variance"):
            getattr(schedule, table)


def test_at_gathers_in_the_images_type():
    schedule = Schedule("own", torch.tensor([0.9, 0.5]).double(), torch.tensor([0.1, 0.4]).double())
    like = torch.zeros(3, 1, 2, 2)
    signal, sigma = schedule.at(torch.tensor([1, 0, 1]), like)
    assert signal.shape == sigma.shape == (3, 1, 1, 1)
    assert signal.dtype == sigma.dtype == torch.float32
    assert signal.flatten().tolist() == pytest.approx([0.5, 0.9, 0.5])
    assert sigma.flatten().tolist() == pytest.approx([0.4, 0.1, 0.4])


def test_a_table_is_cast_once_for_each_type_and_stays_as_it_is():
    schedule = make_schedule("cosine", 50)
    before, t = schedule.signal.clone(), torch.tensor([7, 49])
    for dtype in (torch.float32, torch.float64, torch.float32):
        signal, sigma = schedule.at(t, torch.zeros(2, 1, 1, 1, dtype=dtype))
        assert torch.equal(signal.flatten(), before[t].to(dtype))
        assert torch.equal(sigma.flatten(), schedule.sigma[t].to(dtype))
        signal.zero_()  # whoever changes what he got changes nothing here
    assert torch.equal(schedule.signal, before) and len(schedule._cast) == 2


def test_a_wrong_request_is_told_what_there_is():
    with pytest.raises(
        ValueError, match=r"'cosin'; did you mean 'cosine'\? choose one of linear, cosine"
    ):
        make_schedule("cosin", 10)
    with pytest.raises(ValueError, match="steps, at least 2; got num_steps = 1"):
        make_schedule("linear", 1)
