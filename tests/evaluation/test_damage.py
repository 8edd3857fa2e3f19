"""Blurred, noisy, collapsed and imbalanced digits: every metric sees what it should, the more the worse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import ddpm
from ddpm.evaluation.color import colorfulness
from ddpm.evaluation.digits import load_digits
from ddpm.evaluation.metrics import METRICS, Reference, Sample
from ddpm.evaluation.self_check import damaged_sets

N = 400
ALL = ("blur", "noise", "collapse", "imbalance")
WORSE = {  # what each metric is lowered (-1) or raised (1) by, mild damage between none and strong
    "fd": (1, ALL),
    "kid": (1, ALL),
    "class-balance": (1, ALL),
    "is": (-1, ALL),
    "recall": (-1, ALL),
    "coverage": (-1, ALL),
    "diversity": (-1, ALL),
    "precision": (-1, ("blur", "noise")),
    "density": (-1, ("blur", "noise")),
    "resolution": (-1, ("blur",)),
    "contrast": (-1, ("blur",)),
}
CASES = [(name, damage) for name, (_, damages) in WORSE.items() for damage in damages]

Samples = dict[str, tuple[Sample, ...]]


@pytest.fixture(scope="module")
def digits() -> Tensor:
    """The 1,797 real digits of the package, shuffled."""
    with np.load(Path(ddpm.__file__).parent / "data" / "digits.npz") as stored:
        images = torch.from_numpy(stored["images"])
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]


def sample(images: Tensor) -> Sample:
    """The images in the features of the bundled classifier."""
    network = load_digits()
    features = network.features(images)
    return Sample(images, features, network.classify(features))


@pytest.fixture(scope="module")
def sets(digits: Tensor) -> Samples:
    """By damage: undamaged, mildly and strongly damaged images; none of them in the reference."""
    fresh = sample(digits[800 : 800 + N])
    damaged = damaged_sets(fresh.images)
    return {name: (fresh, *map(sample, both)) for name, both in damaged.items()}


@pytest.fixture(scope="module")
def measure(digits: Tensor) -> Callable[[str, Sample], float]:
    """A metric against 800 digits."""
    real = sample(digits[:800])
    matched, subset = torch.arange(N), torch.arange(800)
    reference = Reference(real.images, real.features, real.probabilities, matched, subset)
    once = torch.ones(1, N, dtype=torch.float64)
    return lambda name, given: METRICS[name].measure(given, reference, once).item()


@pytest.mark.parametrize(("name", "damage"), CASES)
def test_the_more_damage_the_worse(measure, sets, name: str, damage: str) -> None:
    sign, _ = WORSE[name]
    none, mild, strong = (sign * measure(name, images) for images in sets[damage])
    assert none < mild <= strong
    assert strong - none > 0.05 * abs(none)


def test_every_metric_has_its_damage() -> None:
    """What is in no table above: sureness, copies, brightness and color have tests of their own."""
    others = {
        "detail",
        "confident",
        "copies-features",
        "copies-pixels",
        "brightness",
        "colorfulness",
    }
    assert set(METRICS) == set(WORSE) | others


def test_detail_falls_with_blur_and_rises_with_noise(measure, sets) -> None:
    blurred = [measure("detail", images) for images in sets["blur"]]
    noisy = [measure("detail", images) for images in sets["noise"]]
    assert blurred[0] > 10 * blurred[1] > 20 * blurred[2]
    assert noisy[0] < noisy[1] < noisy[2]


def test_noise_makes_the_classifier_unsure(measure, sets) -> None:
    fresh, mild, _ = (measure("confident", images) for images in sets["noise"])
    assert mild < fresh - 0.1


def test_a_lamp_shows_in_brightness_and_gray_in_color(measure, sets) -> None:
    fresh = sets["noise"][0]
    dimmed = sample((fresh.images * 0.5).byte())
    assert measure("brightness", dimmed) == pytest.approx(
        measure("brightness", fresh) / 2, rel=0.02
    )
    tints = torch.tensor([1.0, 0.8, 0.4])[:, None, None]
    vivid = (fresh.images * tints).byte()
    pale = (vivid * 0.5 + vivid.float().mean(dim=1, keepdim=True) * 0.5).byte()
    assert colorfulness(pale).mean() < 0.6 * colorfulness(vivid).mean()
