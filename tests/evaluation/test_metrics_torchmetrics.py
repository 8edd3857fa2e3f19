"""Agreement with an independent implementation on one feature module."""

from __future__ import annotations

import importlib
import warnings

import pytest
import torch

from ddpm.evaluation.fid import frechet_distance
from ddpm.evaluation.inception_score import inception_score
from ddpm.evaluation.kid import squared_mmd
from ddpm.evaluation.statistics import statistics

pytest.importorskip("torchmetrics")


def theirs(module: str, name: str):
    """A metric of torchmetrics, whose package may warn while it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(importlib.import_module(f"torchmetrics.image.{module}"), name)


def test_fid_agrees(network, make_images) -> None:
    real, fake = make_images(300, 0), make_images(200, 1) // 2
    other = theirs("fid", "FrechetInceptionDistance")(feature=network.module)
    other.set_dtype(torch.float64)
    other.update(real, real=True)
    other.update(fake, real=False)
    a, b = (statistics(network.features(images)) for images in (real, fake))
    assert frechet_distance(b, a) == pytest.approx(other.compute().item(), rel=1e-4)
    assert frechet_distance(b, a) > 0.1


@pytest.mark.filterwarnings("ignore:Metric `Kernel:UserWarning")
def test_kid_of_one_subset_agrees(network, make_images) -> None:
    real, fake = make_images(100, 0), make_images(100, 1) // 2
    other = theirs("kid", "KernelInceptionDistance")(
        feature=network.module, subsets=1, subset_size=100, coef=1.0
    )
    other.update(real, real=True)
    other.update(fake, real=False)
    mine = squared_mmd(network.module(fake), network.module(real))
    assert mine == pytest.approx(other.compute()[0].item(), rel=1e-6, abs=1e-6)


@pytest.mark.filterwarnings("ignore:Metric `Inception:UserWarning")
@pytest.mark.filterwarnings("ignore:std:UserWarning")
def test_inception_score_of_one_split_agrees(network, make_images) -> None:
    images = make_images(200)
    other = theirs("inception", "InceptionScore")(feature=network.module, splits=1)
    other.update(images)
    mine = inception_score(network.module(images).softmax(dim=1)).item()
    assert mine == pytest.approx(other.compute()[0].item(), rel=1e-6)
    assert mine > 1.01
