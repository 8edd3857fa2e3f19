"""Generated images against the reference: a row a metric, with its floor and its interval."""

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

WIDE_FEATURES = 512  # features above which a Fréchet distance is dear, and has fewer replicates
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
    """One row for every metric that applies.

    n: generated images to measure (all by default), drawn by `seed` where there are more; the floor
    takes as many, and where it has fewer, n is lowered for both and the rows' `notes` say so.
    The folder `cache` keeps the features of the real images. `features` are those of the generated
    ones, [N, D], where they are taken already.

    A row holds metric, label, better (lower, higher or real: near the floor), value, low, high, n,
    floor, floor_low, floor_high; for distances ratio, ratio_low, ratio_high (None where the floor
    may be zero or below); protocol, notes. Intervals are 95 % bootstrap intervals, but the
    floor of a distance comes from other real images where there are enough (`floor.py`).
    """
    sets.check()
    count, notes = sets.count(n)
    case = _prepare_inputs(sets, network, count, seed, cache, features)
    protocol = make_protocol(network, sets.reference, count, seed)
    rows = []
    for name, metric in applicable_metrics(case.generated).items():
        row: Row = {"metric": name, "label": metric.named(network.name, count)}
        row |= {"better": metric.better, "n": count, **_measure(metric, case)}
        rows.append(row | {"protocol": protocol.line(name, metric.pixels), "notes": notes})
    return rows


@dataclass(frozen=True)
class _MetricInputs:
    """What every metric is given."""

    generated: Sample
    real: Sample  # outside the reference
    reference: Reference
    trained: Reference  # where copies are looked for
    floors: tuple[list[Tensor], list[Tensor]]  # indices into `real`, as of `floor_sets`
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
    taken = extract_features(chosen, network) if features is None else features[index]
    real = make_sample(sets.floor, network, cache)
    reference = make_reference(sets.reference, network, count, seed, cache)
    trained = reference
    for part in sets.trained:
        trained = trained.joined(make_sample(part, network, cache))
    scattered, consecutive = floor_sets(len(sets.floor), count, seed)
    return _MetricInputs(
        generated=Sample(chosen, taken, _probabilities(taken, network)),
        real=real,
        reference=reference,
        trained=trained,
        floors=(scattered, [] if sets.independent else consecutive),
        seed=seed,
    )


def _measure(metric: Metric, case: _MetricInputs) -> Row:
    """The numbers of one row."""
    n, features = case.generated.features.shape
    floor = case.real.part(choose_indices(len(case.real.images), n, case.seed + 1))
    drawn = [bootstrap_weights(metric, n, features, seed) for seed in (case.seed, case.seed + 1)]
    reference = case.trained if metric.copies else case.reference
    values = metric.measure(case.generated, reference, drawn[0])
    floors = metric.measure(floor, case.reference, drawn[1])
    if not metric.distance:
        return score_numbers(metric, values, floors, n)
    scattered, consecutive = (
        measure_sets(metric, case.real, case.reference, indices) for indices in case.floors
    )
    return distance_numbers(metric, values, floors, (scattered, consecutive))


def score_numbers(metric: Metric, values: Tensor, floors: Tensor, n: int) -> Row:
    """Both sides from what `metric.measure` gave, [1 + replicates]: the value, then the replicates."""
    value, floor = values[0].item(), floors[0].item()
    low, high = metric.interval(value, values[1:], n)
    floor_low, floor_high = metric.interval(floor, floors[1:], n)
    row: Row = {"value": value, "low": low, "high": high}
    return row | {"floor": floor, "floor_low": floor_low, "floor_high": floor_high}


def distance_numbers(
    metric: Metric, values: Tensor, floors: Tensor, others: tuple[Tensor, Tensor]
) -> Row:
    """The same with the ratio; `others`: the metric of scattered and consecutive real sets, if any."""
    value = values[0].item()
    spread = center_on(value, values[1:], metric.scale)
    floor, floor_spread = floors[0].item(), center_on(floors[0].item(), floors[1:], metric.scale)
    if len(others[0]):
        floor, floor_spread = others[0].mean().item(), torch.cat(others)
    (low, high), (floor_low, floor_high) = central_interval(spread), central_interval(floor_spread)
    row: Row = {"value": value, "low": low, "high": high}
    row |= {"floor": floor, "floor_low": floor_low, "floor_high": floor_high}
    if floor_spread.min() <= 0:  # a ratio to anything around zero says nothing
        return row | {"ratio": None, "ratio_low": None, "ratio_high": None}
    ratio_low, ratio_high = ratio_interval(spread, floor_spread)
    return row | {"ratio": value / floor, "ratio_low": ratio_low, "ratio_high": ratio_high}


def make_sample(images: Tensor, network: FeatureNetwork, cache: Path | None = None) -> Sample:
    """Images uint8 [n, C, H, W] with their features, and their probabilities if `network` names classes."""
    features = extract_features(images, network, cache)
    return Sample(images, features, _probabilities(features, network))


def make_reference(
    images: Tensor, network: FeatureNetwork, count: int, seed: int, cache: Path | None
) -> Reference:
    """The reference with the subsets that measures of `count` images by `seed` take of it."""
    known = make_sample(images, network, cache)
    matched, subset = (
        choose_indices(len(images), count, seed),
        choose_indices(len(images), MAX_REFERENCE_SUBSET, seed),
    )
    return Reference(images, known.features, known.probabilities, matched, subset)


def make_protocol(network: FeatureNetwork, reference: Tensor, n: int, seed: int) -> ScoreProtocol:
    """How scores of n images against the reference (uint8 [M, C, H, W]) come about."""
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
    """[1 + replicates, count]: each image once, then the bootstrap's draws.

    A metric that is dear in many features has 40 instead of 200: its intervals are 10 % too narrow.
    """
    replicates = WIDE_REPLICATES if metric.dear and features > WIDE_FEATURES else REPLICATES
    once = torch.ones(1, count, dtype=torch.float64)
    return torch.cat([once, bootstrap_counts(count, replicates, seed)])
