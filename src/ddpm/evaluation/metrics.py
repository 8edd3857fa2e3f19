"""The table of metrics. Each one measures a sample against the reference, once per weighting.

A weighting counts image i of the sample weights[b, i] times. Row 0 is all ones and gives the value;
the other rows give bootstrap replicates. The reference stays fixed.
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

# reference images for metrics that are slow and gain little from more
MAX_REFERENCE_SUBSET = 10_000


@dataclass(frozen=True)
class Sample:
    """n images: uint8 [n, C, H, W], features [n, D], class probabilities [n, K] or None."""

    images: Tensor
    features: Tensor
    probabilities: Tensor | None = None

    def select(self, index: Tensor) -> Sample:
        """Return the images at `index`."""
        chosen = None if self.probabilities is None else self.probabilities[index]
        return Sample(self.images[index], self.features[index], chosen)


@dataclass(frozen=True)
class Reference:
    """The reference images uint8 [M, C, H, W] and their features [M, D].

    matched: indices of n reference images, the number of generated images. subset: up to 10,000 indices.
    """

    images: Tensor
    features: Tensor
    probabilities: Tensor | None
    matched: Tensor
    subset: Tensor

    def extended(self, other: Sample) -> Reference:
        """Return the reference with more training images, for metrics that look for copies."""
        images = torch.cat([self.images, other.images])
        return replace(self, images=images, features=torch.cat([self.features, other.features]))

    @cached_property
    def frechet(self) -> FrechetDistance:
        """Fréchet distance to the whole reference."""
        return frechet_distance_to(statistics(self.features))

    @cached_property
    def kernel(self) -> Tensor:
        """Mean kernel within the subset, [1]: the term of KID that the sample does not change."""
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
Better = Literal["lower", "higher", "real"]  # real: closer to the floor is better


@dataclass(frozen=True)
class Metric:
    """A row of the table: what a metric measures, how it is reported, and which degradation it detects.

    `raised_by` and `lowered_by` name degradations (`degradations.py`) that must change the metric,
    strong more than mild ones; the tests check each of them on real digits.
    """

    label: str
    better: Better
    measure: Measure
    is_distance: bool = False  # also reported as a ratio to the floor
    scale: Scale = "difference"  # how the bootstrap interval is centered on the value
    is_proportion: bool = False  # of n images (or nearly so): lies in [0, 1]
    is_pixel_metric: bool = False  # needs no feature network
    needs_classes: bool = False  # needs class probabilities
    names_network: bool = False  # the label names the feature network, as in FD-digits
    searches_copies: bool = False  # compares with all training images, not the reference alone
    is_slow: bool = False  # a replicate is expensive where there are many features
    source: str = ""  # key of documents.citations.SOURCES
    raised_by: tuple[str, ...] = ()
    lowered_by: tuple[str, ...] = ()

    def full_label(self, network: str, n: int) -> str:
        """Return the label with its protocol: `FD-digits (n=1000, train ref)`, `FID (Inception-v3, …)`."""
        if not self.names_network:
            return self.label
        if network == "inception":
            return f"{'FID' if self.label == 'FD' else self.label} (Inception-v3, n={n}, train ref)"
        return f"{self.label}-{network} (n={n}, train ref)"

    def interval(self, value: float, replicates: Tensor, n: int) -> tuple[float, float]:
        """Return the 95 % interval; a proportion of 0 or 1 gets the rule of three, 3/n."""
        low, high = bootstrap_interval(value, replicates, self.scale)
        if not self.is_proportion:
            return low, high
        margin = min(1.0, 3 / n)
        low = min(low, 1 - margin) if value == 1 else max(low, 0.0)
        high = max(high, margin) if value == 0 else min(high, 1.0)
        return low, high


def _image_mean(per_image: Callable[[Sample, Reference], Tensor]) -> Measure:
    """Return the metric that averages one number per image, [n]."""

    def measure(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
        return (weights @ per_image(sample, reference).double()) / weights.sum(dim=1)

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
    return torch.tensor(values, dtype=torch.float64, device="cpu")


def class_share(index: int) -> Metric:
    """Return the metric for the share of images whose most likely class is number `index`."""

    def measure(sample: Sample, reference: Reference, weights: Tensor) -> Tensor:
        return class_shares(_require_probabilities(sample.probabilities), weights)[:, index]

    return Metric(
        f"share of class {index}", "real", measure, is_proportion=True, needs_classes=True
    )


def _require_probabilities(probabilities: Tensor | None) -> Tensor:
    assert probabilities is not None  # `applicable_metrics` leaves out metrics of classes otherwise
    return probabilities


_ALL = ("blur", "noise", "collapse", "imbalance")

METRICS: dict[str, Metric] = {
    "fd": Metric(
        "FD", "lower", _frechet, is_distance=True, scale="factor", names_network=True, is_slow=True,
        source="fd", raised_by=_ALL,
    ),
    "kid": Metric(
        "KID", "lower", _kernel_distance, is_distance=True, names_network=True,
        source="kid", raised_by=_ALL,
    ),
    "is": Metric(
        "IS", "higher", _inception_score, scale="factor", needs_classes=True, names_network=True,
        source="is", lowered_by=_ALL,
    ),
    "precision": Metric(
        "precision", "higher",
        _image_mean(lambda s, r: inside_balls(s.features, r.features[r.matched])), is_proportion=True,
        source="precision", lowered_by=("blur", "noise"),
    ),
    "recall": Metric(
        "recall", "higher", _recall, is_proportion=True, source="precision", lowered_by=_ALL
    ),
    "density": Metric(
        "density", "higher",
        _image_mean(lambda s, r: balls_around(r.features[r.matched], s.features)),
        source="density", lowered_by=("blur", "noise"),
    ),
    "coverage": Metric(
        "coverage", "higher", _coverage, is_proportion=True, source="density", lowered_by=_ALL
    ),
    "diversity": Metric(
        "diversity (mean feature distance)", "real", _diversity, scale="factor", lowered_by=_ALL
    ),
    "class-balance": Metric(
        "class balance (KL, nats)", "lower", _class_balance, scale="factor", needs_classes=True,
        raised_by=_ALL,
    ),
    "confident": Metric(
        "classifier sure (> 0.9)", "real",
        _image_mean(lambda s, r: is_confident(_require_probabilities(s.probabilities))),
        is_proportion=True, needs_classes=True, raised_by=("blur",),
    ),
    "copies-features": Metric(
        "copies (features, d1/d2 < 1/3)", "lower",
        _image_mean(lambda s, r: nearest_two(s.features, r.features).flagged),
        is_proportion=True, searches_copies=True, source="copies", raised_by=("copying",),
    ),
    "copies-pixels": Metric(
        "copies (pixels, d1/d2 < 1/3)", "lower",
        _image_mean(
            lambda s, r: nearest_two(pixel_vectors(s.images), pixel_vectors(r.images)).flagged
        ),
        is_proportion=True, is_pixel_metric=True, searches_copies=True, source="copies",
        raised_by=("copying",),
    ),
    "resolution": Metric(
        "effective resolution (pixels)", "real", _resolution, is_pixel_metric=True, lowered_by=("blur",)
    ),
    "detail": Metric(
        "detail (Laplacian energy, data = 1)", "real",
        _image_mean(lambda s, r: detail(s.images) / r.detail), scale="factor", is_pixel_metric=True,
        raised_by=("noise",), lowered_by=("blur",),
    ),
    "brightness": Metric(
        "brightness (0-255)", "real", _image_mean(lambda s, r: brightness(s.images)), is_pixel_metric=True,
        lowered_by=("dimming",),
    ),
    "contrast": Metric(
        "contrast (0-255)", "real", _image_mean(lambda s, r: contrast(s.images)), is_pixel_metric=True,
        lowered_by=("blur", "dimming"),
    ),
    "colorfulness": Metric(
        "colorfulness", "real", _image_mean(lambda s, r: colorfulness(s.images)), is_pixel_metric=True,
        source="colorfulness", lowered_by=("fading",),
    ),
}  # fmt: skip
MAX_CLASS_ROWS = 20  # up to this many classes, each class has a row with its share
CLASS_SHARE_PREFIX = "class-share-"  # of the names of those rows
DIRECTION_LABELS = {"lower": "lower", "higher": "higher", "real": "as floor"}


def applicable_metrics(sample: Sample) -> dict[str, Metric]:
    """Return the metrics that this sample allows, and the share of each class if there are few."""
    classes = 0 if sample.probabilities is None else sample.probabilities.shape[1]
    gray = sample.images.shape[1] == 1
    chosen = {
        name: metric
        for name, metric in METRICS.items()
        if (classes or not metric.needs_classes) and not (gray and name == "colorfulness")
    }
    if classes <= MAX_CLASS_ROWS:
        chosen |= {f"{CLASS_SHARE_PREFIX}{index}": class_share(index) for index in range(classes)}
    return chosen
