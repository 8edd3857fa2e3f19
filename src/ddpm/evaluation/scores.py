"""Scores of generated images against a reference: one row per metric, with floor and interval."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddpm.evaluation.bootstrap import (
    REPLICATES,
    bootstrap_counts,
    center_on,
    central_interval,
    ratio_interval,
)
from ddpm.evaluation.features import Classifier, FeatureNetwork, extract_features
from ddpm.evaluation.floor import floor_sets, measure_sets
from ddpm.evaluation.image_sets import ImageSets, choose_indices
from ddpm.evaluation.metrics import (
    MAX_REFERENCE_SUBSET,
    Metric,
    Reference,
    Sample,
    applicable_metrics,
)
from ddpm.evaluation.protocol import ScoreProtocol, content_hash

WIDE_FEATURES = 512  # with more features, slow metrics have fewer replicates
WIDE_REPLICATES = 40

Row = dict[str, Any]


def score_rows(
    sets: ImageSets,
    network: FeatureNetwork,
    n: int | None = None,
    seed: int = 0,
    cache: Path | None = None,
    features: Tensor | None = None,
) -> list[Row]:
    """Return one row for every metric that applies.

    n: number of generated images to measure, chosen by `seed`; default all. The floor set has as
    many; where it has fewer, n is lowered for both and `notes` say so.
    cache: folder for features of the real images.
    features: features of the generated images [N, D], if they are computed already.

    A row holds metric, label, better (lower, higher or real: close to the floor), value, low, high,
    n, floor, floor_low, floor_high, protocol and notes; a distance also ratio, ratio_low, ratio_high
    (None if the floor may be zero or negative). Intervals are 95 % bootstrap intervals; the floor
    interval of a distance comes from several sets of real images if there are enough (`floor.py`).

    RequestError if the sets are too small or of different shapes.
    """
    sets.check()
    count, notes = sets.count(n)
    inputs = _prepare_inputs(sets, network, count, seed, cache, features)
    protocol = make_protocol(network, sets.reference, count, seed)
    rows = []
    for name, metric in applicable_metrics(inputs.generated).items():
        row: Row = {"metric": name, "label": metric.full_label(network.name, count)}
        row |= {"better": metric.better, "n": count, **_measure(metric, inputs)}
        rows.append(row | {"protocol": protocol.line(name, metric.is_pixel_metric), "notes": notes})
    return rows


@dataclass(frozen=True)
class _MetricInputs:
    """The inputs of every metric."""

    generated: Sample
    real: Sample  # the floor set
    reference: Reference
    trained: Reference  # all training images, for metrics that look for copies
    floor_indices: tuple[list[Tensor], list[Tensor]]  # into `real`, from `floor_sets`
    seed: int


def _prepare_inputs(
    sets: ImageSets,
    network: FeatureNetwork,
    count: int,
    seed: int,
    cache: Path | None,
    features: Tensor | None,
) -> _MetricInputs:
    index = choose_indices(len(sets.generated), count, seed)
    chosen = sets.generated[index]
    computed = extract_features(chosen, network) if features is None else features[index]
    real = make_sample(sets.floor, network, cache)
    reference = make_reference(sets.reference, network, count, seed, cache)
    trained = reference
    for part in sets.trained:
        trained = trained.extended(make_sample(part, network, cache))
    scattered, consecutive = floor_sets(len(sets.floor), count, seed)
    return _MetricInputs(
        generated=Sample(chosen, computed, _probabilities(computed, network)),
        real=real,
        reference=reference,
        trained=trained,
        floor_indices=(scattered, [] if sets.independent else consecutive),
        seed=seed,
    )


def _measure(metric: Metric, inputs: _MetricInputs) -> Row:
    """Return value, floor, ratio and their intervals."""
    n, features = inputs.generated.features.shape
    seed, real = inputs.seed, inputs.real
    floor = real.select(choose_indices(len(real.images), n, seed + 1))
    weights, floor_weights = (bootstrap_weights(metric, n, features, s) for s in (seed, seed + 1))
    reference = inputs.trained if metric.searches_copies else inputs.reference
    values = metric.measure(inputs.generated, reference, weights)
    floors = metric.measure(floor, inputs.reference, floor_weights)
    if not metric.is_distance:
        return score_numbers(metric, values, floors, n)
    scattered, consecutive = (
        measure_sets(metric, real, inputs.reference, indices) for indices in inputs.floor_indices
    )
    return distance_numbers(metric, values, floors, (scattered, consecutive))


def score_numbers(metric: Metric, values: Tensor, floors: Tensor, n: int) -> Row:
    """Return value and floor with their intervals.

    values, floors: results of `metric.measure`, [1 + B]: the value, then its replicates.
    """
    value, floor = values[0].item(), floors[0].item()
    low, high = metric.interval(value, values[1:], n)
    floor_low, floor_high = metric.interval(floor, floors[1:], n)
    row: Row = {"value": value, "low": low, "high": high}
    return row | {"floor": floor, "floor_low": floor_low, "floor_high": floor_high}


def distance_numbers(
    metric: Metric, values: Tensor, floors: Tensor, others: tuple[Tensor, Tensor]
) -> Row:
    """Return value, floor and ratio of a distance with their intervals.

    others: the distances of scattered and of consecutive real sets; empty if there are none.
    """
    value = values[0].item()
    spread = center_on(value, values[1:], metric.scale)
    floor, floor_spread = floors[0].item(), center_on(floors[0].item(), floors[1:], metric.scale)
    if len(others[0]):
        floor, floor_spread = others[0].mean().item(), torch.cat(others)
    (low, high), (floor_low, floor_high) = central_interval(spread), central_interval(floor_spread)
    row: Row = {"value": value, "low": low, "high": high}
    row |= {"floor": floor, "floor_low": floor_low, "floor_high": floor_high}
    if floor_spread.min() <= 0:  # a ratio to a value near zero is meaningless
        return row | {"ratio": None, "ratio_low": None, "ratio_high": None}
    ratio_low, ratio_high = ratio_interval(spread, floor_spread)
    return row | {"ratio": value / floor, "ratio_low": ratio_low, "ratio_high": ratio_high}


def make_sample(images: Tensor, network: FeatureNetwork, cache: Path | None = None) -> Sample:
    """Return images uint8 [n, C, H, W] with features, and probabilities if `network` is a classifier."""
    features = extract_features(images, network, cache)
    return Sample(images, features, _probabilities(features, network))


def make_reference(
    images: Tensor, network: FeatureNetwork, count: int, seed: int, cache: Path | None
) -> Reference:
    """Return the reference with the subsets for measuring `count` images, chosen by `seed`."""
    sample = make_sample(images, network, cache)
    matched, subset = (
        choose_indices(len(images), count, seed),
        choose_indices(len(images), MAX_REFERENCE_SUBSET, seed),
    )
    return Reference(images, sample.features, sample.probabilities, matched, subset)


def make_protocol(network: FeatureNetwork, reference: Tensor, n: int, seed: int) -> ScoreProtocol:
    """Return the protocol of scores of n images against the reference, uint8 [M, C, H, W]."""
    return ScoreProtocol(
        network=network.name,
        weights=network.weights_hash,
        resize=network.resize,
        n=n,
        reference=content_hash(reference),
        reference_count=len(reference),
        seed=seed,
    )


def _probabilities(features: Tensor, network: FeatureNetwork) -> Tensor | None:
    return network.classify(features) if isinstance(network, Classifier) else None


def bootstrap_weights(metric: Metric, count: int, features: int, seed: int) -> Tensor:
    """Return weights [1 + B, count]: a row of ones, then B bootstrap replicates.

    B is 200, or 40 for a slow metric in many features, whose intervals are then 10 % too narrow.
    """
    replicates = WIDE_REPLICATES if metric.is_slow and features > WIDE_FEATURES else REPLICATES
    once = torch.ones(1, count, dtype=torch.float64, device="cpu")
    return torch.cat([once, bootstrap_counts(count, replicates, seed)])
