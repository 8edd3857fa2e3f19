"""The best linear denoiser against errors that are known in closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ddpm.diffusion.linear_denoiser import linear_denoising_errors


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sigma", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("equal_channels", [False, True])
def test_the_error_on_white_images_is_that_of_a_normal_posterior(
    sigma: float, equal_channels: bool
) -> None:
    """Of equal channels, the noise averages out: three observations of one value of deviation 0.5."""
    images = 0.5 * normal(400, 1 if equal_channels else 3, 8, 8, seed=0)
    images = images.expand(-1, 3, -1, -1)
    observations = 3 if equal_channels else 1
    expected = 1 / (1 / 0.5**2 + observations / sigma**2)
    found = linear_denoising_errors(images + 0.2, normal(400, 3, 8, 8, seed=1), sigma)
    assert found.shape == (400,)
    assert float(found.mean()) == pytest.approx(expected, rel=0.03)


def test_the_error_on_a_known_spectrum_is_the_sum_over_frequencies() -> None:
    frequency = torch.fft.fftfreq(16)
    power = 1 / (0.02 + frequency[:, None] ** 2 + frequency**2)
    images = torch.fft.ifft2(power.sqrt() * torch.fft.fft2(normal(600, 1, 16, 16, seed=2))).real
    found = linear_denoising_errors(images, normal(600, 1, 16, 16, seed=3), 2.0)
    expected = (power * 4 / (power + 4)).mean()
    assert float(found.mean()) == pytest.approx(float(expected), rel=0.03)


def test_images_of_one_color_are_restored() -> None:
    images = torch.tensor([0.1, -0.4, 0.8]).reshape(1, 3, 1, 1).expand(5, 3, 8, 8)
    errors = linear_denoising_errors(images, normal(5, 3, 8, 8, seed=4), 1.0)
    assert float(errors.max()) < 1e-9
