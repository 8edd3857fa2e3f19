"""One distance of many sets of images to the same reference: what a curve is measured with.

Every set has n images, image i from the same seed in each, and all are drawn again by the same
bootstrap weightings. The replicates of two sets are therefore paired: what their images have in
common drops out of the difference (Efron & Tibshirani 1993, chapter 8).
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
    name for name, metric in METRICS.items() if metric.distance and not metric.classes
)


@dataclass(frozen=True)
class PairedDistance:
    """A distance with its reference and floor, ready for any number of sets of n images."""

    metric: Metric
    label: str  # FD-digits (n=1000, train ref)
    protocol: str
    n: int
    seed: int
    network: FeatureNetwork
    reference: Reference
    floors: tuple[Tensor, Tensor]  # of one real set with its replicates [1 + B]; of others

    def measure(self, images: Tensor) -> Tensor:
        """The distance of uint8 images [n, C, H, W], then its replicates: float64 [1 + B]."""
        sample = make_sample(images, self.network)
        drawn = bootstrap_weights(self.metric, len(images), sample.features.shape[1], self.seed)
        return self.metric.measure(sample, self.reference, drawn)

    def row(self, values: Tensor) -> Row:
        """value, low, high, floor, floor_low, floor_high, ratio, … of what `measure` gave."""
        scattered = (self.floors[1], self.floors[1][:0])  # drawn images have no consecutive ones
        return distance_numbers(self.metric, values, self.floors[0], scattered)


def make_paired_distance(
    name: str,
    real: tuple[Tensor, Tensor],
    network: FeatureNetwork,
    n: int,
    seed: int = 0,
    cache: Path | None = None,
) -> PairedDistance:
    """The distance `name` of METRICS; real: the reference and images outside it, uint8.

    `cache` keeps the features of the real images.
    """
    metric, (known, outside) = METRICS[name], real
    reference, floor = (
        make_reference(known, network, n, seed, cache),
        make_sample(outside, network, cache),
    )
    one = floor.part(choose_indices(len(outside), n, seed + 1))
    drawn = bootstrap_weights(metric, len(one.images), floor.features.shape[1], seed + 1)
    others, _ = floor_sets(len(outside), n, seed)
    return PairedDistance(
        metric=metric,
        label=metric.named(network.name, n),
        protocol=make_protocol(network, known, n, seed).line(name),
        n=n,
        seed=seed,
        network=network,
        reference=reference,
        floors=(
            metric.measure(one, reference, drawn),
            measure_sets(metric, floor, reference, others),
        ),
    )


def paired_interval(one: Tensor, other: Tensor, scale: Scale) -> tuple[float, float]:
    """95 % interval of one - other, each a value and replicates [1 + B] of the same draws."""
    first, second = (center_on(v[0].item(), v[1:], scale) for v in (one, other))
    return central_interval(first - second)


def indistinguishable_from_best(values: Sequence[Tensor], scale: Scale) -> list[bool]:
    """For each of several distances [1 + B] whether it is not surely larger than the smallest."""
    best = min(values, key=lambda v: v[0].item())
    return [v is best or paired_interval(v, best, scale)[0] <= 0 for v in values]


def cheapest_indistinguishable(
    values: Sequence[Tensor], costs: Sequence[float], scale: Scale
) -> int:
    """The rule of choice: of those as good as the best the cheapest; of equally cheap ones the best."""
    good = indistinguishable_from_best(values, scale)
    ranked = [(cost, v[0].item(), i) for i, (cost, v) in enumerate(zip(costs, values, strict=True))]
    return min(entry for entry in ranked if good[entry[2]])[2]
