from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from ddpm.evaluation.spectrum import detail, effective_resolution, radial_power


def wave(cycles: int, side: int = 32) -> torch.Tensor:
    """A horizontal cosine of amplitude 100 around 128: uint8-valued, but not rounded."""
    x = torch.cos(2 * math.pi * cycles * torch.arange(side) / side) * 100 + 128
    return x.round().byte().expand(1, 1, side, side).contiguous()


@pytest.mark.parametrize("cycles", [1, 5, 15])
def test_a_wave_has_all_its_power_at_its_frequency(cycles: int) -> None:
    power = radial_power(wave(cycles))[0]
    assert power.argmax() == cycles
    assert power[cycles] > 1000 * power.sum().sub(power[cycles]) / len(power)


def test_the_mean_has_no_power_and_the_scale_is_squared() -> None:
    flat = torch.full((2, 3, 8, 12), 77, dtype=torch.uint8)
    assert radial_power(flat).abs().max() < 1e-12
    assert radial_power(flat).shape == (2, 5)
    bright, dim = wave(4), (wave(4).float() / 2).byte()
    ratio = radial_power(bright)[0, 4] / radial_power(dim)[0, 4]
    assert ratio.item() == pytest.approx(4, rel=0.02)


def test_resolution_is_where_the_power_falls_below_half() -> None:
    reference = torch.ones(17, dtype=torch.float64)
    cut = reference.clone()
    cut[10:] = 0
    assert effective_resolution(reference, reference, 32) == 32
    assert effective_resolution(cut, reference, 32) == pytest.approx(2 * 9.5)
    assert effective_resolution(0.51 * reference, reference, 32) == 32
    assert effective_resolution(0.49 * reference, reference, 32) == 2


def test_an_ideal_low_pass_resolves_two_pixels_a_cycle(make_images) -> None:
    real = make_images(60, side=32)
    at = torch.fft.fftfreq(32)
    kept = (at[:, None].square() + at.square()).sqrt() * 32 < 8.5
    soft = torch.fft.ifft2(torch.fft.fft2(real.double()) * kept).real
    soft = soft.clamp(0, 255).round().byte()  # clipping leaks a little above the cut
    powers = [radial_power(images).mean(dim=0) for images in (real, soft)]
    assert effective_resolution(powers[1], powers[0], 32) == pytest.approx(17, abs=1)
    assert effective_resolution(powers[0], powers[0], 32) == 32


def test_a_stronger_blur_resolves_less(make_images) -> None:
    real = make_images(60, side=32)
    data = radial_power(real).mean(dim=0)
    found = []
    for width in (3, 5, 9):
        soft = F.avg_pool2d(real.float(), width, stride=1, padding=width // 2).byte()
        found.append(effective_resolution(radial_power(soft).mean(dim=0), data, 32))
    assert 32 > found[0] > found[1] > found[2] > 2


def test_detail_by_hand() -> None:
    """A single bright pixel of 10 in the middle of 3x3: the Laplacian there is -40."""
    image = torch.zeros(1, 1, 3, 3, dtype=torch.uint8)
    image[0, 0, 1, 1] = 10
    assert detail(image).item() == 1600


def test_a_ramp_has_no_detail_and_a_checkerboard_the_most() -> None:
    ramp = torch.arange(16, dtype=torch.uint8).expand(1, 1, 16, 16).contiguous()
    board = ((torch.arange(16)[:, None] + torch.arange(16)) % 2 * 255).byte()[None, None]
    assert detail(ramp).item() == pytest.approx(0, abs=1e-9)
    assert detail(board).item() == pytest.approx((8 * 127.5) ** 2)
