"""The table of metrics: each measures a sample against the reference, once for every weighting.

A weighting counts image i of the sample weights[b, i] times: row 0 of ones is the measured value,
the others are bootstrap replicates. The reference is held fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from ddpm.evaluation.bootstrap import Scale, bootstrap_interval
from ddpm.evaluation.color import brightness, colorfulness, contrast
from ddpm.evaluation.copy_detection import nearest_two, pixel_vectors
from ddpm.evaluation.density_coverage import balls_around, weighted_coverage
from ddpm.evaluation.diversity import class_divergence, class_shares, is_confident, mean_distance
from ddpm.evaluation.fid import FrechetDistance, frechet_distance_to
from ddpm.evaluation.inception_score import inception_score
from ddpm.evaluation.kid import mean_pair_kernel, weighted_mmd
from ddpm.evaluation.precision_recall import inside_balls, weighted_recall
from ddpm.evaluation.spectrum import detail, effective_resolution, radial_power
from ddpm.evaluation.statistics import statistics

MAX_REFERENCE_SUBSET = 10_000  # reference images at most, where all of them would only cost time


@dataclass(frozen=True)
class Sample:
    """n images under test: uint8 [n, C, H, W], features [n, D], probabilities [n, K] if any."""

    images: Tensor
    features: Tensor
    probabilities: Tensor | None = None

    def part(self, index: Tensor) -> Sample:
        """The images that `index` names."""
        chosen = None if self.probabilities is None else self.probabilities[index]
        return Sample(self.images[index], self.features[index], chosen)


@dataclass(frozen=True)
class Reference:
    """The training images and their features; `matched` and `subset` index n and up to 10,000."""

    images: Tensor
    features: Tensor
    probabilities: Tensor | None
    matched: Tensor
    subset: Tensor

    def joined(self, other: Sample) -> Reference:
        """This reference and other training images, in which copies are looked for."""
        images = torch.cat([self.images, other.images])
        return replace(self, images=images, features=torch.cat([self.features, other.features]))

    @cached_property
    def frechet(self) -> FrechetDistance:
        """The Fréchet distance to all of the reference."""
        return frechet_distance_to(statistics(self.features))

    @cached_property
    def kernel(self) -> Tensor:
        """The part of the kernel distance that the subset has alone, [1]."""
        return mean_pair_kernel(self.features[self.subset])

    @cached_property
    def power(self) -> Tensor:
        """Mean radial power of the subset, [R]."""
        return radial_power(self.images[self.subset]).mean(dim=0)

    @cached_property
    def detail(self) -> Tensor:
        """Mean Laplacian energy of the subset, a scalar."""
        return detail(self.images[self.subset]).mean()

    @cached_property
    def shares(self) -> Tensor:
        """Share of each class, [K]."""
        return class_shares(_require_probabilities(self.probabilities))[0]


Measure = Callable[[Sample, Reference, Tensor], Tensor]
Better = Literal["lower", "higher", "real"]  # real: the nearer to the floor's value, the better


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    `family` names a score that means nothing without its network (FD, KID, IS): `named` completes
    it. `distance` metrics are also given as a ratio to their floor; `scale` says how an interval is
    moved onto its value.
    """

    label: str
    better: Better
    measure: Measure
    distance: bool = False
    scale: Scale = "difference"
    share: bool = False  # of n images (or nearly so): lies in [0, 1]
    pixels: bool = False  # needs no feature network
    classes: bool = False  # needs class probabilities
    family: bool = False
    copies: bool = False  # looks for copies of any training image
    dear: bool = False  # a replicate costs much where features are many

    def named(self, network: str, n: int) -> str:
        """The label in full: `FD-digits (n=1000, train ref)`, or the field's own `FID (Inception-v3, …)`."""
        if not self.family:
            return self.label
        if network == "inception":
            return f"{'FID' if self.label == 'FD' else self.label} (Inception-v3, n={n}, train ref)"
        return f"{self.label}-{network} (n={n}, train ref)"

    def interval(self, value: float, replicates: Tensor, n: int) -> tuple[float, float]:
        """95 % interval; a share of 0 or 1 in n images is sure to 3/n only (the rule of three)."""
        low, high = bootstrap_interval(value, replicates, self.scale)
        if not self.share:
            return low, high
        margin = min(1.0, 3 / n)
        low = min(low, 1 - margin) if value == 1 else max(low, 0.0)
        high = max(high, margin) if value == 0 else min(high, 1.0)
        return low, high


def _image_mean(of: Callable[[Sample, Reference], Tensor]) -> Measure:
    """The metric that is a mean of one number an image, [n]."""

    def measure(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
        return (weights @ of(sample, reference).double()) / weights.sum(dim=1)

    return measure


def _frechet(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
    return reference.frechet.weighted(sample.features, weights)


def _kernel_distance(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
    real = reference.features[reference.subset]
    return weighted_mmd(sample.features, real, weights, reference.kernel)


def _inception_score(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
    return inception_score(_require_probabilities(sample.probabilities), weights)


def _recall(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
    return weighted_recall(reference.features[reference.matched], sample.features, weights)


def _coverage(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
    return weighted_coverage(reference.features[reference.matched], sample.features, weights)


def _diversity(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
    return mean_distance(sample.features, weights)


def _class_balance(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
    shares = class_shares(_require_probabilities(sample.probabilities), weights)
    return class_divergence(shares, reference.shares, len(sample.images))


def _resolution(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
    powers = (weights @ radial_power(sample.images)) / weights.sum(dim=1, keepdim=True)
    side = min(sample.images.shape[2:])
    values = [effective_resolution(power, reference.power, side) for power in powers]
    return torch.tensor(values, dtype=torch.float64)


def class_share(index: int) -> Metric:
    """The share of images whose likeliest class is number `index`."""

    def measure(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
        return class_shares(_require_probabilities(sample.probabilities), weights)[:, index]

    return Metric(f"share of class {index}", "real", measure, share=True, classes=True)


def _require_probabilities(probabilities: Tensor | None) -> Tensor:
    assert (
        probabilities is not None
    )  # `applicable_metrics` leaves metrics of classes out where there are none
    return probabilities


METRICS: dict[str, Metric] = {
    "fd": Metric("FD", "lower", _frechet, True, "factor", family=True, dear=True),
    "kid": Metric("KID", "lower", _kernel_distance, True, family=True),
    "is": Metric("IS", "higher", _inception_score, scale="factor", classes=True, family=True),
    "precision": Metric(
        "precision", "higher",
        _image_mean(lambda s, r: inside_balls(s.features, r.features[r.matched])), share=True,
    ),
    "recall": Metric("recall", "higher", _recall, share=True),
    "density": Metric(
        "density", "higher", _image_mean(lambda s, r: balls_around(r.features[r.matched], s.features))
    ),
    "coverage": Metric("coverage", "higher", _coverage, share=True),
    "diversity": Metric("diversity (mean feature distance)", "real", _diversity, scale="factor"),
    "class-balance": Metric(
        "class balance (KL, nats)", "lower", _class_balance, scale="factor", classes=True
    ),
    "confident": Metric(
        "classifier sure (> 0.9)", "real",
        _image_mean(lambda s, r: is_confident(_require_probabilities(s.probabilities))),
        share=True, classes=True,
    ),
    "copies-features": Metric(
        "copies (features, d1/d2 < 1/3)", "lower",
        _image_mean(lambda s, r: nearest_two(s.features, r.features).flagged), share=True, copies=True,
    ),
    "copies-pixels": Metric(
        "copies (pixels, d1/d2 < 1/3)", "lower",
        _image_mean(lambda s, r: nearest_two(pixel_vectors(s.images), pixel_vectors(r.images)).flagged),
        share=True, pixels=True, copies=True,
    ),
    "resolution": Metric("effective resolution (pixels)", "real", _resolution, pixels=True),
    "detail": Metric(
        "detail (Laplacian energy, data = 1)", "real",
        _image_mean(lambda s, r: detail(s.images) / r.detail), scale="factor", pixels=True,
    ),
    "brightness": Metric(
        "brightness (0-255)", "real", _image_mean(lambda s, r: brightness(s.images)), pixels=True
    ),
    "contrast": Metric(
        "contrast (0-255)", "real", _image_mean(lambda s, r: contrast(s.images)), pixels=True
    ),
    "colorfulness": Metric(
        "colorfulness", "real", _image_mean(lambda s, r: colorfulness(s.images)), pixels=True
    ),
}  # fmt: skip
MAX_CLASS_ROWS = 20  # a share a class is listed up to this many classes


def applicable_metrics(sample: Sample) -> dict[str, Metric]:
    """The metrics that can be taken of this sample, with a share for each class of a few."""
    classes = 0 if sample.probabilities is None else sample.probabilities.shape[1]
    gray = sample.images.shape[1] == 1
    chosen = {
        name: metric
        for name, metric in METRICS.items()
        if (classes or not metric.classes) and not (gray and name == "colorfulness")
    }
    if classes <= MAX_CLASS_ROWS:
        chosen |= {f"class-share-{index}": class_share(index) for index in range(classes)}
    return chosen


CLASS_SHARE_PREFIX = "class-share-"  # metrics of this name are one row a class, and one line here

DIRECTION_LABELS = {"lower": "lower", "higher": "higher", "real": "as floor"}
