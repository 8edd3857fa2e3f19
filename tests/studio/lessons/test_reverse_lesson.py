"""The reverse lesson against Algorithm 2 and against `ddpm sample`."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddpm.data.pixels import to_uint8
from ddpm.loading.models import OpenedModel
from ddpm.sampling.samples import sample_images
from ddpm.studio.lessons.breakages import ReverseRequest
from ddpm.studio.lessons.reverse_lesson import (
    filmstrip,
    final_pictures,
    reverse_step,
    reverse_walk,
)
from ddpm.studio.lessons.tensor_pictures import Pixel, data_url

REQUEST = ReverseRequest(seed=3, count=2, steps=6)
PIXEL = Pixel(1, 6)


@pytest.fixture
def opened(small_ddpm):
    return OpenedModel(small_ddpm(awake=True), "small", "a test", None)


def test_the_walk_ends_at_the_images_of_the_library(opened):
    walk = reverse_walk(opened, REQUEST)
    sampling = opened.model.spec.config.sampling
    settings = replace(sampling, sampler="ancestral", steps=6, spacing="uniform", chunk=2)
    expected = sample_images(opened.model, [3, 4], None, settings)
    assert np.array_equal(to_uint8(walk.states[-1]).numpy(), expected)


@pytest.mark.parametrize("step", range(6))
def test_a_step_obeys_algorithm_2(opened, step):
    details = reverse_step(reverse_walk(opened, REQUEST), step, PIXEL)
    value = {name: panel["value"] for name, panel in details["panels"].items()}
    signal, sigma = details["signal"], details["sigma"]
    x0 = (value["x_t"] - sigma * value["noise"]) / signal
    assert value["x0_unclipped"] == pytest.approx(x0, abs=1e-5)
    assert value["x0"] == pytest.approx(min(max(x0, -1), 1), abs=1e-5)
    mean = details["mean_of_x_t"] * value["x_t"] + details["mean_of_x0"] * value["x0"]
    assert value["mean"] == pytest.approx(mean, abs=1e-6)
    x_next = value["mean"] + details["posterior_std"] * value["z"]
    assert value["x_next"] == pytest.approx(x_next, abs=1e-6)


def test_coefficients_are_those_of_equation_7(opened):
    details = reverse_step(reverse_walk(opened, REQUEST), 2, PIXEL)
    alpha_bar, next_alpha_bar = details["signal"] ** 2, details["next_signal"] ** 2
    beta = 1 - alpha_bar / next_alpha_bar
    x0_share = next_alpha_bar**0.5 * beta / (1 - alpha_bar)
    x_t_share = (1 - beta) ** 0.5 * (1 - next_alpha_bar) / (1 - alpha_bar)
    variance = (1 - next_alpha_bar) / (1 - alpha_bar) * beta
    assert details["mean_of_x0"] == pytest.approx(x0_share, abs=1e-6)
    assert details["mean_of_x_t"] == pytest.approx(x_t_share, abs=1e-6)
    assert details["posterior_std"] == pytest.approx(variance**0.5, abs=1e-6)


def test_the_last_step_adds_no_noise(opened):
    walk = reverse_walk(opened, REQUEST)
    details = reverse_step(walk, len(walk) - 1, PIXEL)
    assert (details["posterior_std"], details["next_t"]) == (0, None)
    assert details["panels"]["z"]["std"] == 0


def test_each_state_is_the_next_step_s_beginning(opened):
    walk = reverse_walk(opened, REQUEST)
    ends = [reverse_step(walk, i, PIXEL)["panels"]["x_next"]["value"] for i in range(5)]
    starts = [reverse_step(walk, i, PIXEL)["panels"]["x_t"]["value"] for i in range(1, 6)]
    assert ends == starts


def test_the_filmstrip_has_both_ends(opened):
    walk = reverse_walk(opened, replace(REQUEST, steps=20))
    strip = filmstrip(walk, columns=5)
    assert [frame["step"] for frame in strip] == [0, 5, 10, 14, 19]
    assert strip[0]["t"] == len(opened.model.schedule) - 1 and strip[-1]["t"] == 0


def test_min_max_display_changes_pictures_and_not_images(opened):
    sound = reverse_walk(opened, REQUEST)
    stretched = reverse_walk(opened, replace(REQUEST, breakage="min-max"))
    assert torch.equal(sound.states[-1], stretched.states[-1])
    assert filmstrip(sound)[0]["x_t"] != filmstrip(stretched)[0]["x_t"]
    assert final_pictures(sound) == [data_url(image) for image in sound.states[-1]]
