"""Guidance by the digit classifier makes images likelier to be their label, and refuses other classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.digits import load_digits
from ddpm.messages import sentence
from ddpm.models.classifier_guidance import check_classifier, digit_log_probability
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec


@pytest.fixture
def digits_spec(small_spec: Callable[..., ModelSpec]) -> ModelSpec:
    """A model of the digits 0 to 9 whose silent network is the exact denoiser of gray noise."""
    spec = small_spec("diffusion.objective=edm", "sampling.clip=none", classes=10)
    return replace(spec, class_names=tuple(map(str, range(10))))


def test_the_probability_is_the_classifiers(digits_spec: ModelSpec) -> None:
    labels = [3, 8, 1, 0]
    x0 = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)).round()
    found = digit_log_probability(digits_spec, labels, torch.device("cpu"))(2 * x0 - 1)
    expected = load_digits().probabilities((255 * x0).to(torch.uint8))[range(4), labels]
    torch.testing.assert_close(found.exp(), expected, atol=1e-5, rtol=1e-4)


def test_guidance_raises_the_probability_of_the_label(digits_spec: ModelSpec) -> None:
    model, labels = Ddpm(digits_spec), [3, 8, 1, 0]
    probability = digit_log_probability(digits_spec, labels, torch.device("cpu"))
    reached = []
    for scale in (0.0, 1.0, 4.0):
        settings = replace(
            digits_spec.config.sampling, classifier_guidance=scale, clip="none", steps=10
        )
        *_, last = model.trajectory(range(4), labels, settings)
        reached.append(float(probability(last.x).mean()))
    assert reached[0] < reached[1] < reached[2]
    unguided = replace(digits_spec.config.sampling, steps=10)
    *_, one = model.trajectory(range(4), labels, unguided)
    *_, other = model.trajectory(range(4), labels, replace(unguided, classifier_guidance=0.0))
    assert torch.equal(one.x, other.x)


def test_other_classes_are_refused(small_spec: Callable[..., ModelSpec]) -> None:
    for spec in (small_spec(), small_spec(classes=3)):
        settings = replace(spec.config.sampling, classifier_guidance=1.0)
        with pytest.raises(RequestError, match="needs a model that has learned the labels 0 to 9"):
            check_classifier(spec, settings)
        check_classifier(spec, spec.config.sampling)


def test_the_description_of_sampling_names_the_classifier(digits_spec: ModelSpec) -> None:
    model, settings = (
        Ddpm(digits_spec),
        replace(digits_spec.config.sampling, steps=9, sampler="ddim"),
    )
    described = [
        sentence(model.describe_sampling(replace(settings, classifier_guidance=scale)))
        for scale in (0.0, 2.5)
    ]
    assert described == ["ddim, 9 steps", "ddim, 9 steps, classifier guidance 2.5"]
