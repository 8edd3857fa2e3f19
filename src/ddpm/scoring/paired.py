"""Paired comparisons: one distance of several generators that draw images from the same seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.data.image_files import Images
from ddpm.evaluation.paired_distance import (
    PairedDistance,
    indistinguishable_from_best,
    make_paired_distance,
)
from ddpm.loading.models import OpenedModel
from ddpm.models.base import GenerativeModel
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_images
from ddpm.scoring.evaluation_request import EvaluationRequest
from ddpm.scoring.generated_images import ModelSamples
from ddpm.scoring.scoring_setup import (
    ScoringSetup,
    feature_cache,
    find_real_images,
    prepare_scoring,
    requested_count,
)
from ddpm.terminal import print_line

INTERVAL = ("value", "low", "high")
NUMBERS = (*INTERVAL, "ratio", "ratio_low", "ratio_high")


@dataclass(frozen=True)
class PairedComparison:
    """A distance, its setup, and the seeds that every generator draws."""

    distance: PairedDistance
    setup: ScoringSetup
    seeds: range

    def facts(self) -> dict[str, Any]:
        """Return the setup as plain values for sampler-lab.json and ema.json."""
        return {
            **self.setup.facts(),
            "seeds": [self.seeds[0], self.seeds[-1]],
            "label": self.distance.label,
            "protocol": self.distance.protocol,
        }

    def rows(self, values: Sequence[Tensor]) -> list[dict[str, Any]]:
        """Return one row per generator: distance, ratio to the floor, and comparison with the best.

        `values`: distances and their replicates, [1 + B] each, from `PairedDistance.measure`.
        """
        good = indistinguishable_from_best(values, self.distance.metric.scale)
        numbers = [self.distance.row(value) for value in values]
        return [
            {**{key: row[key] for key in NUMBERS}, "as_good": as_good}
            for row, as_good in zip(numbers, good, strict=True)
        ]

    def floor(self) -> dict[str, Any]:
        """Return the distance of the floor set and its description."""
        value = self.distance.floor()
        return {**dict(zip(INTERVAL, value, strict=True)), **self.setup.facts()["floor"]}


def prepare_comparison(
    request: EvaluationRequest, opened: OpenedModel, settings: SamplingConfig, metric: str
) -> PairedComparison:
    """Open the real images, load the feature network and measure the floor.

    RequestError if the images cannot be scored.
    """
    generated = ModelSamples(opened, settings)
    requested = requested_count(request, generated)
    real = find_real_images(request, generated, requested)
    setup = prepare_scoring(request, generated, real, requested)
    print_line("measuring the floor")
    sets, cache = (real.reference, real.floor), feature_cache()
    distance = make_paired_distance(metric, sets, setup.network, setup.count, request.seed, cache)
    return PairedComparison(distance, setup, range(request.seed, request.seed + setup.count))


def sample_seeds(
    model: GenerativeModel,
    seeds: range,
    settings: SamplingConfig,
    advance: Callable[[int], None] = lambda done: None,
) -> Images:
    """Sample one image per seed, uint8 [N, C, H, W]. `advance` receives the number of images done."""
    with torch.no_grad():
        labels = choose_labels(model, seeds, None)
        return sample_images(model, seeds, labels, settings, progress=advance)


def best_index(values: Sequence[Tensor]) -> int:
    """Return the index of the smallest distance."""
    return min(range(len(values)), key=lambda i: values[i][0].item())


def interval_of(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return value, low and high of a row."""
    value, low, high = (row[key] for key in INTERVAL)
    return value, low, high
