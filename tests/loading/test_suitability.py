"""Suitability of weights: denoisers of known skill, and the bundled faces on images of all kinds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.data.pixels import to_model
from ddpm.diffusion.linear_denoiser import linear_denoising_errors
from ddpm.diffusion.schedules import make_schedule
from ddpm.loading.models import open_model
from ddpm.loading.suitability import (
    NOISE_RATIOS,
    Suitability,
    measure_suitability,
)
from ddpm.presets import get_preset
from ddpm.randomness import generator_for
from ddpm.sampling.samples import sample_images

RNG = np.random.default_rng(0)


class Stub:
    """A model whose denoiser is a function of (x_t, signal)."""

    def __init__(self, denoise: Any) -> None:
        self.device = torch.device("cpu")
        self.schedule = make_schedule("cosine", 1000)
        self._denoise = denoise

    def denoiser(self, labels: object, settings: object) -> Any:
        assert labels is None

        def predict(x: Tensor, t: Tensor) -> SimpleNamespace:
            return SimpleNamespace(x0=self._denoise(x, float(self.schedule.signal[int(t[0])])))

        return predict


def noise_images(count: int) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (count, 3, 16, 16), dtype=np.uint8)


def measured(denoise: Any, images: NDArray[np.uint8]) -> Suitability:
    return measure_suitability(Stub(denoise), images)  # type: ignore[arg-type]


def test_a_denoiser_that_does_nothing_has_the_error_of_the_noise() -> None:
    images = noise_images(40)
    found = measured(lambda x, signal: x / signal, images)
    noise = torch.randn(images.shape, generator=generator_for("suitability"))
    clean = to_model(torch.from_numpy(images))
    logs = [
        (ratio * noise).square().mean((1, 2, 3)).log()
        - linear_denoising_errors(clean, noise, ratio).log()
        for ratio in NOISE_RATIOS
    ]
    expected = float(torch.stack(logs).mean().exp())
    assert found.error_ratio == pytest.approx(expected, rel=0.02)
    assert found.turned_ratio == pytest.approx(1, abs=1e-4)
    assert not found.knows_layout and not found.is_suitable(1.0)


def test_a_denoiser_that_knows_the_images_needs_them_the_right_way_up() -> None:
    template = to_model(torch.from_numpy(noise_images(1)))
    brightness = RNG.integers(-9, 10, (30, 3, 16, 16))
    images = ((template.numpy() + 1) * 127.5 + brightness).clip(0, 255).astype(np.uint8)
    found = measured(lambda x, signal: template.expand_as(x), images)
    assert found.error_ratio < 0.2 and found.turned_ratio > 10
    assert found.knows_layout and found.is_suitable(0.85)


@pytest.mark.parametrize(
    ("error", "turned", "z", "expected"),
    [
        (0.8, 1.3, 9, True),
        (0.9, 1.3, 9, False),
        (0.8, 1.05, 9, False),
        (0.8, 1.3, 2, False),
        (0.6, 1.0, 0, False),
    ],
)
def test_the_rule(error: float, turned: float, z: float, expected: bool) -> None:
    assert Suitability(error, turned, z).is_suitable(0.85) is expected


def test_the_bundled_faces_suit_faces_and_neither_noise_nor_checkers() -> None:
    name, limit = get_preset("folder").weights["cpu"]
    model = open_model(name, "cpu").model
    settings = model.spec.config.sampling
    faces = sample_images(model, range(8), None, settings)
    assert measure_suitability(model, faces).is_suitable(limit)  # type: ignore[arg-type]
    noise = RNG.integers(0, 256, (8, 3, 64, 64), dtype=np.uint8)
    tiles = RNG.integers(0, 256, (8, 3, 16, 16), dtype=np.uint8).repeat(4, 2).repeat(4, 3)
    for images in (noise, tiles):
        assert not measure_suitability(model, images).is_suitable(limit)  # type: ignore[arg-type]


def test_equal_images_give_equal_numbers_and_leave_the_random_numbers_of_torch_alone() -> None:
    images, before = noise_images(100), torch.get_rng_state()
    found = [measured(lambda x, signal: x, images) for _ in range(2)]
    assert found[0] == found[1]
    assert torch.equal(before, torch.get_rng_state())
