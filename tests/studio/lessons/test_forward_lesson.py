"""The forward lesson against the schedule's own tables and Eq. 4."""

import pytest
import torch

from ddpm.diffusion.schedules import make_schedule
from ddpm.loading.models import open_model
from ddpm.models.base import as_diffusion
from ddpm.studio.lessons.forward_lesson import (
    CURVE_POINTS,
    display_scale,
    forward_step,
    level_numbers,
    schedule_curve,
)
from ddpm.studio.lessons.tensor_pictures import Pixel


@pytest.mark.parametrize("name", ["linear", "cosine", "sigmoid"])
def test_numbers_of_a_variance_preserving_path(name):
    schedule = make_schedule(name, 1000)
    numbers = level_numbers(schedule, 412)
    alpha_bar = float(torch.prod(1 - schedule.betas[:413]))
    assert numbers["alpha_bar"] == pytest.approx(alpha_bar, abs=1e-9)
    assert numbers["signal"] ** 2 + numbers["sigma"] ** 2 == pytest.approx(1, abs=1e-9)
    assert numbers["snr"] == pytest.approx(alpha_bar / (1 - alpha_bar), rel=1e-9)
    assert numbers["beta"] == pytest.approx(float(schedule.betas[412]), abs=1e-12)


def test_a_path_without_betas_says_none_and_infinite_log_snr_is_none():
    numbers = level_numbers(make_schedule("flow", 100), 99)
    assert (numbers["beta"], numbers["alpha_bar"], numbers["log_snr"]) == (None, None, None)
    assert numbers["sigma"] == 1


def test_the_curve_has_both_ends_of_the_schedule():
    schedule = make_schedule("cosine", 1000)
    curve = schedule_curve(schedule)
    assert len(curve["t"]) == CURVE_POINTS and (curve["t"][0], curve["t"][-1]) == (0, 999)
    assert curve["signal"] == [float(schedule.signal[t]) for t in curve["t"]]
    assert len(schedule_curve(make_schedule("linear", 10))["t"]) == 10


def test_the_pixel_obeys_equation_4():
    model = as_diffusion(open_model("digits", "cpu").model)
    x0 = torch.linspace(-1, 1, 64).view(1, 8, 8)
    step = forward_step(model, x0, t=300, seed=7, pixel=Pixel(2, 5))
    values = {name: panel["value"] for name, panel in step["panels"].items()}
    noise = torch.randn((1, 8, 8), generator=torch.Generator().manual_seed(7))[0, 2, 5]
    assert values["noise"] == pytest.approx(float(noise), abs=1e-6)
    expected = step["signal"] * values["x0"] + step["sigma"] * values["noise"]
    assert values["x_t"] == pytest.approx(expected, abs=1e-6)
    assert step["source"]["code"] == "return signal * x0 + sigma * noise"


def test_large_sigma_is_scaled_for_display():
    assert display_scale(make_schedule("edm", 100), 99) == pytest.approx(80)
    assert display_scale(make_schedule("linear", 100), 99) == 1
