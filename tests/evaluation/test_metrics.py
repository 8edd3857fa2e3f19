"""Each damage a generator can do moves each metric the right way."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ddpm.evaluation.degradations import DEGRADATIONS
from ddpm.evaluation.metrics import METRICS, Reference, Sample, applicable_metrics
from ddpm.evaluation.ranking_check import CHECKED_DEGRADATIONS

N = 200
ONCE = torch.ones(1, N, dtype=torch.float64)


@pytest.fixture
def measure(classifier, make_images):
    """A function from images to the value of a metric against 400 blobs."""

    def sample(images: Tensor) -> Sample:
        features = classifier.features(images)
        return Sample(images, features, classifier.classify(features))

    real = sample(make_images(400, 0))
    subset = torch.arange(400)
    reference = Reference(real.images, real.features, real.probabilities, subset[:N], subset)

    def value(name: str, images: Tensor) -> float:
        chosen = sample(images)
        return applicable_metrics(chosen)[name].measure(chosen, reference, ONCE).item()

    return value


@pytest.fixture
def sets(make_images) -> dict[str, Tensor]:
    """Fresh images, and the same strongly damaged in four ways."""
    fresh = make_images(N, 1)
    return {"fresh": fresh} | {name: DEGRADATIONS[name](fresh)[1] for name in CHECKED_DEGRADATIONS}


@pytest.mark.parametrize("name", ["fd", "kid"])
@pytest.mark.parametrize("damage", ["blur", "noise", "collapse", "imbalance"])
def test_distances_rise_with_every_damage(measure, sets, name: str, damage: str) -> None:
    assert measure(name, sets[damage]) > 2 * abs(measure(name, sets["fresh"]))


@pytest.mark.parametrize(
    ("name", "damage", "sign"),
    [
        ("precision", "noise", -1),
        ("density", "noise", -1),
        ("recall", "collapse", -1),
        ("coverage", "collapse", -1),
        ("coverage", "imbalance", -1),
        ("diversity", "collapse", -1),
        ("diversity", "blur", -1),
        ("class-balance", "collapse", 1),
        ("is", "collapse", -1),
        ("resolution", "blur", -1),
        ("detail", "blur", -1),
        ("detail", "noise", 1),
        ("contrast", "blur", -1),
    ],
)
def test_each_sees_the_damage_it_is_for(measure, sets, name: str, damage: str, sign: int) -> None:
    before, after = measure(name, sets["fresh"]), measure(name, sets[damage])
    assert sign * (after - before) > 0.05 * abs(before)


def test_a_missing_class_unbalances(measure, classifier, make_images) -> None:
    fresh = make_images(2 * N, 1)
    classes = classifier.classify(classifier.features(fresh)).argmax(dim=1)
    commonest = classes.mode().values
    without = fresh[classes != commonest][:N].repeat(2 * N, 1, 1, 1)[:N]
    assert measure("class-balance", without) > 10 * measure("class-balance", fresh[:N])
    assert measure(f"class-share-{commonest}", without) == 0


def test_copies_are_counted(measure, make_images) -> None:
    half = torch.cat([make_images(400, 0)[: N // 2], make_images(N // 2, 1)])
    assert measure("copies-pixels", half) == 0.5
    assert measure("copies-features", half) == pytest.approx(0.5, abs=0.05)
    assert measure("copies-pixels", make_images(N, 1)) == 0


def test_plain_values_of_the_data_itself(measure, make_images) -> None:
    data = make_images(400, 0)
    fresh = make_images(N, 1)
    assert measure("detail", fresh) == pytest.approx(1, abs=0.05)
    assert measure("resolution", fresh) == 16
    assert measure("brightness", fresh) == pytest.approx(data.double().mean().item(), rel=0.05)
    shares = [measure(f"class-share-{index}", fresh) for index in range(4)]
    assert sum(shares) == pytest.approx(1)


def test_what_applies_follows_from_the_sample(make_images, network) -> None:
    gray, color = make_images(12), make_images(12, channels=3)
    plain = applicable_metrics(Sample(gray, network.features(gray)))
    assert not {"is", "class-balance", "confident", "colorfulness"} & set(plain)
    assert {"fd", "kid", "recall", "copies-pixels", "detail"} <= set(plain)
    assert "colorfulness" in applicable_metrics(Sample(color, network.features(color)))
    many = applicable_metrics(Sample(gray, network.features(gray), torch.full((12, 1000), 1e-3)))
    assert "is" in many
    assert not any(name.startswith("class-share") for name in many)


def test_a_share_of_nothing_in_n_is_sure_to_three_in_n_only() -> None:
    share = METRICS["precision"]
    none, all_of_them = torch.zeros(9).double(), torch.ones(9).double()
    assert share.interval(0.0, none, 100) == (0, 0.03)
    assert share.interval(1.0, all_of_them, 100) == (0.97, 1)
    wide = torch.linspace(0, 1, 9, dtype=torch.float64)
    low, high = share.interval(0.9, wide, 100)
    assert 0.4 < low < 0.45
    assert high == 1
    assert replace(share, is_proportion=False).interval(0.9, wide, 100)[1] > 1
