"""Generated images against the reference: a row a metric, with its floor and its interval."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.bootstrap import REPLICATES, bootstrap_counts, ratio_interval
from ddpm.evaluation.features import Classifier, FeatureNetwork, check_images, extract
from ddpm.evaluation.metrics import SUBSET, Metric, Reference, Sample, applicable
from ddpm.evaluation.protocol import ScoreProtocol, content_hash

FEWEST = 10  # images on each side: fewer say nothing, and five neighbours need six
WIDE = 512  # features above which a Fréchet distance is dear, and fewer replicates are drawn
WIDE_REPLICATES = 40

Row = dict[str, float | int | str | None]


@dataclass(frozen=True)
class ImageSets:
    """Three sets of uint8 images [N, C, H, W] of one shape.

    `floor` are real images that are not in `reference`: n of them, measured like the generated
    ones, give the value that a perfect generator would have at this n.
    """

    generated: Tensor
    reference: Tensor
    floor: Tensor

    def check(self) -> None:
        """RequestError unless the three are usable and of one shape."""
        named = {
            "generated images": self.generated,
            "reference images": self.reference,
            "real images outside the reference": self.floor,
        }
        for name, images in named.items():
            check_images(images, f"The {name}")
            if len(images) < FEWEST:
                raise RequestError(
                    f"There are only {len(images)} {name}; an evaluation needs at least {FEWEST}."
                )
            if images.shape[1:] != self.reference.shape[1:]:
                raise RequestError(
                    f"The {name} are {_shape(images)}, but the reference images are "
                    f"{_shape(self.reference)}; evaluate against a reference of the same shape."
                )


def evaluate(
    sets: ImageSets,
    network: FeatureNetwork,
    n: int | None = None,
    seed: int = 0,
    cache: Path | None = None,
) -> list[Row]:
    """One row for every metric that applies.

    n: generated images to measure (all by default), drawn by `seed` where there are more; the floor
    takes as many, and where it has fewer, n is lowered for both and the rows' `note` says so.

    A row holds metric, label, better (lower, higher or real: near the floor), value, low, high, n,
    floor, floor_low, floor_high; for distances ratio, ratio_low, ratio_high (None where the floor
    is not above zero for sure); protocol, note. Intervals are 95 % bootstrap intervals.
    """
    sets.check()
    count, note = _count(sets, n)
    generated = _sample(draw(sets.generated, count, seed), network)
    floor = _sample(draw(sets.floor, count, seed + 1), network)
    reference = _reference(sets.reference, network, count, seed, cache)
    replicates = REPLICATES if generated.features.shape[1] <= WIDE else WIDE_REPLICATES
    weights = _weightings(count, replicates, seed)
    floor_weights = _weightings(count, replicates, seed + 1)
    known = content_hash(sets.reference)
    rows = []
    for name, metric in applicable(generated).items():
        protocol = ScoreProtocol(
            metric=name,
            network="pixels" if metric.pixels else network.name,
            weights="-" if metric.pixels else network.weights_hash,
            resize="none" if metric.pixels else network.resize,
            n=count,
            reference=known,
            reference_count=len(sets.reference),
            seed=seed,
        )
        row: Row = {"metric": name, "label": metric.label.format(network=network.name)}
        row |= {"better": metric.better, "n": count}
        values = metric.measure(generated, reference, weights)
        floors = metric.measure(floor, reference, floor_weights)
        row |= numbers(metric, values, floors, count)
        rows.append(row | {"protocol": str(protocol), "note": note})
    return rows


def numbers(metric: Metric, values: Tensor, floors: Tensor, n: int) -> Row:
    """The numbers of a row from what `metric.measure` gave for both sides, [1 + replicates]."""
    value, floor = values[0].item(), floors[0].item()
    low, high = metric.interval(value, values[1:], n)
    floor_low, floor_high = metric.interval(floor, floors[1:], n)
    row: Row = {"value": value, "low": low, "high": high}
    row |= {"floor": floor, "floor_low": floor_low, "floor_high": floor_high}
    if metric.distance:
        row |= {"ratio": None, "ratio_low": None, "ratio_high": None}
    if metric.distance and floor_low > 0:
        ratio, low, high = ratio_interval(value, values[1:], floor, floors[1:])
        row |= {"ratio": ratio, "ratio_low": low, "ratio_high": high}
    return row


def draw(images: Tensor, count: int, seed: int) -> Tensor:
    """`count` of the images without repeats, in their order; all where there are no more."""
    return images[_choose(len(images), count, seed)]


def _choose(available: int, count: int, seed: int) -> Tensor:
    if available <= count:
        return torch.arange(available)
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(available, generator=generator)[:count].sort().values


def _count(sets: ImageSets, n: int | None) -> tuple[int, str]:
    available = len(sets.generated)
    asked = available if n is None else n
    if asked > available:
        raise RequestError(
            f"{asked} images were asked for, but there are only {available} generated ones; "
            f"use -n {available} or draw more."
        )
    if asked < FEWEST:
        raise RequestError(f"-n is {asked}, but an evaluation needs at least {FEWEST} images.")
    count = min(asked, len(sets.floor), len(sets.reference))
    if count == asked:
        return count, ""
    short = "reference images" if count == len(sets.reference) else "real images outside it"
    return count, f"n lowered from {asked} to {count}: there are only {count} {short}"


def _sample(images: Tensor, network: FeatureNetwork) -> Sample:
    features = extract(images, network)
    return Sample(images, features, _probabilities(features, network))


def _reference(
    images: Tensor, network: FeatureNetwork, count: int, seed: int, cache: Path | None
) -> Reference:
    features = extract(images, network, cache)
    matched, subset = _choose(len(images), count, seed), _choose(len(images), SUBSET, seed)
    return Reference(images, features, _probabilities(features, network), matched, subset)


def _probabilities(features: Tensor, network: FeatureNetwork) -> Tensor | None:
    return network.classify(features) if isinstance(network, Classifier) else None


def _weightings(count: int, replicates: int, seed: int) -> Tensor:
    """[1 + replicates, count]: each image once, then the bootstrap's draws."""
    once = torch.ones(1, count, dtype=torch.float64)
    return torch.cat([once, bootstrap_counts(count, replicates, seed)])


def _shape(images: Tensor) -> str:
    channels, height, width = images.shape[1:]
    return f"{width}x{height} {'gray' if channels == 1 else 'color'}"
