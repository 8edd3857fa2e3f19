"""Degraded digits: every metric detects the degradations that its row names, strong more than mild."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import ddpm
from ddpm.evaluation.degradations import DEGRADATIONS, add_noise, blur
from ddpm.evaluation.digits import load_digits
from ddpm.evaluation.metrics import METRICS, Reference, Sample

N = 400
TINT = torch.tensor([1.0, 0.8, 0.4])[:, None, None]  # makes digits colored
CASES = [
    (name, degradation, sign)
    for name, metric in METRICS.items()
    for sign, degradations in ((1, metric.raised_by), (-1, metric.lowered_by))
    for degradation in degradations
]

Samples = dict[str, tuple[Sample, ...]]


@pytest.fixture(scope="module")
def digits() -> Tensor:
    """The 1,797 real digits of the package, shuffled."""
    with np.load(Path(ddpm.__file__).parent / "data" / "digits.npz") as stored:
        images = torch.from_numpy(stored["images"])
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]


def sample(images: Tensor) -> Sample:
    """The images with features of the bundled classifier."""
    network = load_digits()
    features = network.features(images)
    return Sample(images, features, network.classify(features))


def copied(images: Tensor, reference: Tensor) -> list[Tensor]:
    """A tenth, then a half, of the images replaced by reference images."""
    return [
        torch.cat([reference[: len(images) // part], images[len(images) // part :]])
        for part in (10, 2)
    ]


@pytest.fixture(scope="module")
def sets(digits: Tensor) -> Samples:
    """Undegraded, mildly and strongly degraded images, none of them in the reference."""
    fresh = digits[800 : 800 + N]
    found = {
        name: (fresh, *degrade(fresh)) for name, degrade in DEGRADATIONS.items() if name != "fading"
    }
    vivid = (fresh * TINT).byte()
    found["fading"] = (vivid, *DEGRADATIONS["fading"](vivid))
    found["copying"] = (fresh, *copied(fresh, digits[:800]))
    return {name: tuple(map(sample, images)) for name, images in found.items()}


@pytest.fixture(scope="module")
def measure(digits: Tensor) -> Callable[[str, Sample], float]:
    """A metric against 800 digits."""
    real = sample(digits[:800])
    matched, subset = torch.arange(N), torch.arange(800)
    reference = Reference(real.images, real.features, real.probabilities, matched, subset)
    once = torch.ones(1, N, dtype=torch.float64)
    return lambda name, given: METRICS[name].measure(given, reference, once).item()


@pytest.mark.parametrize(("name", "degradation", "sign"), CASES)
def test_metrics_follow_the_degradations_of_their_row(
    measure, sets, name: str, degradation: str, sign: int
) -> None:
    none, mild, strong = (sign * measure(name, images) for images in sets[degradation])
    assert none < mild <= strong
    assert strong - none > 0.05 * abs(none)


def test_every_metric_names_a_degradation_that_exists(sets) -> None:
    for name, metric in METRICS.items():
        named = {*metric.raised_by, *metric.lowered_by}
        assert named and named <= set(sets), name


def test_detail_changes_by_large_factors(measure, sets) -> None:
    blurred = [measure("detail", images) for images in sets["blur"]]
    assert blurred[0] > 10 * blurred[1] > 20 * blurred[2]


def test_noise_lowers_the_confidence_of_the_classifier(measure, sets) -> None:
    fresh, mild, _ = (measure("confident", images) for images in sets["noise"])
    assert mild < fresh - 0.1


def test_half_the_light_halves_the_brightness_and_half_the_color_the_colorfulness(
    measure, sets
) -> None:
    for name, degradation in (("brightness", "dimming"), ("colorfulness", "fading")):
        fresh, _, strong = (measure(name, images) for images in sets[degradation])
        assert strong == pytest.approx(fresh / 2, rel=0.02), name


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
    noisy = add_noise(gray, 0.1, torch.Generator().manual_seed(0))
    assert noisy.std().item() == pytest.approx(0.1, rel=0.05)
    assert add_noise(gray, 9.0, torch.Generator().manual_seed(0)).unique().numel() > 2
    assert add_noise(gray, 9.0, torch.Generator().manual_seed(0)).max() <= 1


def test_degraded_sets_have_the_shape_of_the_images(make_images) -> None:
    images = make_images(60, channels=3)
    sets = {name: degrade(images) for name, degrade in DEGRADATIONS.items()}
    for both in sets.values():
        assert all(degraded.shape == images.shape for degraded in both)
    assert [len(torch.unique(degraded, dim=0)) for degraded in sets["collapse"]] == [4, 2]
    assert [len(torch.unique(degraded, dim=0)) for degraded in sets["imbalance"]] == [30, 12]
