"""A distance measured for several generators with paired replicates.

Every generator draws n images, image i from the same seed, and all sets are resampled with the same
bootstrap weights. The replicates are therefore paired: variation that the images share cancels in
the difference (Efron & Tibshirani 1993, chapter 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ddpm.evaluation.bootstrap import Scale, center_on, central_interval
from ddpm.evaluation.features import FeatureNetwork
from ddpm.evaluation.floor import floor_sets, measure_sets
from ddpm.evaluation.image_sets import choose_indices
from ddpm.evaluation.metrics import METRICS, Metric, Reference
from ddpm.evaluation.scores import (
    Row,
    bootstrap_weights,
    distance_numbers,
    make_protocol,
    make_reference,
    make_sample,
)

DISTANCES = tuple(
    name for name, metric in METRICS.items() if metric.is_distance and not metric.needs_classes
)


@dataclass(frozen=True)
class PairedDistance:
    """A distance with its reference and floor, ready to measure any number of sets of n images."""

    metric: Metric
    label: str  # FD-digits (n=1000, train ref)
    protocol: str
    n: int
    seed: int
    network: FeatureNetwork
    reference: Reference
    floor_values: Tensor  # distance of one real set and its replicates, [1 + B]
    floor_set_values: Tensor  # distances of scattered real sets; may be empty

    def measure(self, images: Tensor) -> Tensor:
        """Return the distance of uint8 images [n, C, H, W] and its replicates, float64 [1 + B]."""
        sample = make_sample(images, self.network)
        weights = bootstrap_weights(self.metric, len(images), sample.features.shape[1], self.seed)
        return self.metric.measure(sample, self.reference, weights)

    def row(self, values: Tensor) -> Row:
        """Return value, floor, ratio and their intervals from the result of `measure`."""
        scattered = self.floor_set_values
        consecutive = scattered[:0]  # not for images drawn independently
        return distance_numbers(self.metric, values, self.floor_values, (scattered, consecutive))

    def floor(self) -> tuple[float, float, float]:
        """Return the floor with its interval: value, low, high."""
        row = self.row(self.floor_values)
        value, low, high = (row[key] for key in ("floor", "floor_low", "floor_high"))
        return float(value or 0.0), float(low or 0.0), float(high or 0.0)


def make_paired_distance(
    name: str,
    real: tuple[Tensor, Tensor],
    network: FeatureNetwork,
    n: int,
    seed: int = 0,
    cache: Path | None = None,
) -> PairedDistance:
    """Prepare the distance `name` of METRICS.

    real: the reference and the floor set, uint8 [M, C, H, W]. cache: folder for their features.
    """
    metric, (reference_images, floor_images) = METRICS[name], real
    reference = make_reference(reference_images, network, n, seed, cache)
    floor = make_sample(floor_images, network, cache)
    one = floor.select(choose_indices(len(floor_images), n, seed + 1))
    weights = bootstrap_weights(metric, len(one.images), floor.features.shape[1], seed + 1)
    scattered, _ = floor_sets(len(floor_images), n, seed)
    return PairedDistance(
        metric=metric,
        label=metric.full_label(network.name, n),
        protocol=make_protocol(network, reference_images, n, seed).line(name),
        n=n,
        seed=seed,
        network=network,
        reference=reference,
        floor_values=metric.measure(one, reference, weights),
        floor_set_values=measure_sets(metric, floor, reference, scattered),
    )


def paired_interval(one: Tensor, other: Tensor, scale: Scale) -> tuple[float, float]:
    """Return the 95 % interval of one - other, each a value and paired replicates [1 + B]."""
    first, second = (center_on(v[0].item(), v[1:], scale) for v in (one, other))
    return central_interval(first - second)


def indistinguishable_from_best(values: Sequence[Tensor], scale: Scale) -> list[bool]:
    """Return for each distance [1 + B] whether it is not significantly larger than the smallest."""
    best = min(values, key=lambda v: v[0].item())
    return [v is best or paired_interval(v, best, scale)[0] <= 0 for v in values]


def cheapest_indistinguishable(
    values: Sequence[Tensor], costs: Sequence[float], scale: Scale
) -> int:
    """Return the index of the cheapest distance that is indistinguishable from the smallest.

    Among equal costs, the smaller distance wins.
    """
    good = indistinguishable_from_best(values, scale)
    ranked = [(cost, v[0].item(), i) for i, (cost, v) in enumerate(zip(costs, values, strict=True))]
    return min(entry for entry in ranked if good[entry[2]])[2]
