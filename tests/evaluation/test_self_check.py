from __future__ import annotations

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.self_check import blur, damaged_sets, noise, require_right_order


def test_blur_is_a_gaussian_of_its_width_and_keeps_the_mean() -> None:
    point = torch.zeros(1, 2, 33, 33, dtype=torch.float64)
    point[:, :, 16, 16] = 1
    soft = blur(point, 2.0)
    assert soft.sum().item() == pytest.approx(2)
    at = torch.arange(33.0).double() - 16
    variance = (soft[0, 0].sum(dim=0) * at.square()).sum().item()
    assert variance == pytest.approx(4, rel=0.05)
    flat = torch.full((1, 3, 4, 5), 0.3)
    torch.testing.assert_close(blur(flat, 2.0), flat)


def test_noise_has_its_deviation() -> None:
    gray = torch.full((1, 1, 100, 100), 0.5)
    noisy = noise(gray, 0.1, torch.Generator().manual_seed(0))
    assert noisy.std().item() == pytest.approx(0.1, rel=0.05)
    assert noise(gray, 9.0, torch.Generator().manual_seed(0)).unique().numel() > 2
    assert noise(gray, 9.0, torch.Generator().manual_seed(0)).max() <= 1


def test_damaged_sets_have_the_shape_of_the_images(make_images) -> None:
    images = make_images(60, channels=3)
    sets = damaged_sets(images)
    assert set(sets) == {"blur", "noise", "collapse", "imbalance"}
    for both in sets.values():
        assert all(damaged.shape == images.shape for damaged in both)
    assert [len(torch.unique(damaged, dim=0)) for damaged in sets["collapse"]] == [4, 2]
    assert [len(torch.unique(damaged, dim=0)) for damaged in sets["imbalance"]] == [30, 12]


def test_a_network_of_pixels_passes_and_a_blind_one_is_refused(network, make_images) -> None:
    images = make_images(600)
    require_right_order(images, network)
    network.features = lambda x: torch.zeros(len(x), 3)
    with pytest.raises(RequestError, match="projection does not see"):
        require_right_order(images, network)
