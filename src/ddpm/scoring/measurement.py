"""The measurement of one set of generated images: every score, and the images themselves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ddpm.distributed import is_main, map_across_ranks, run_on_main
from ddpm.evaluation.features import (
    FeatureNetwork,
    cache_features,
    compute_features,
    load_cached_features,
)
from ddpm.evaluation.image_sets import ImageSets
from ddpm.evaluation.metrics import METRICS
from ddpm.evaluation.scores import Row, score_rows
from ddpm.scoring.bits_per_dim import LIKELIHOODS, likelihood_rows
from ddpm.scoring.evaluation_request import EvaluationRequest
from ddpm.scoring.generated_images import open_generated_images
from ddpm.scoring.real_images import RealImages, mark_trained_heldout
from ddpm.scoring.scoring_setup import (
    compute_environment,
    feature_cache,
    find_real_images,
    prepare_scoring,
    requested_count,
)
from ddpm.terminal import Progress

FORMAT = 2  # 1: sentences in place of messages


@dataclass(frozen=True)
class Measurement:
    """An evaluation with its images."""

    evaluation: dict[str, Any]  # content of evaluation.json
    images: Tensor  # generated images, uint8 [n, C, H, W]
    sets: ImageSets


def measure(
    request: EvaluationRequest, real: RealImages | None = None, command: str = ""
) -> Measurement:
    """Sample or read the generated images and compute every score. Write nothing but the cache.

    `real`: real images that are open already, in place of those the request names.
    `command`: the command line recorded in the evaluation.
    RequestError if the images cannot be opened or scored.
    """
    start = time.perf_counter()
    generated = open_generated_images(request.target, request.overrides, request.device)
    requested = requested_count(request, generated)
    real = real or find_real_images(request, generated, requested)
    if generated.opened is not None:
        real = mark_trained_heldout(generated.opened, real)
    setup = prepare_scoring(request, generated, real, requested)
    images = generated.load(setup.count, request.seed, real.reference.shape[1:])
    drawn = generated.opened is not None
    sets = ImageSets(images, real.reference, real.floor, drawn, real.trained)
    rows = _score_with_progress(sets, setup.network, request.seed)
    rows = [{**row, "notes": setup.notes} for row in rows]
    if generated.opened is not None:
        model = generated.opened.model
        rows += likelihood_rows(model, real.heldout, request.likelihood, request.seed)
    evaluation = {
        "format": FORMAT,
        "name": generated.name,
        "target": request.target,
        **generated.facts(),
        "shape": list(images.shape[1:]),
        **setup.facts(),
        "seed": request.seed,
        "rows": rows,
        "command": command,
        "environment": compute_environment(request.device, start),
    }
    return Measurement(evaluation, images, sets)


def metric_source(name: str) -> str:
    """Return the citation key of a metric by its name in evaluation.json; "" if it has none."""
    if name in LIKELIHOODS:
        return LIKELIHOODS[name].source
    return METRICS[name].source if name in METRICS else ""


def _score_with_progress(sets: ImageSets, network: FeatureNetwork, seed: int) -> list[Row]:
    """Return `score_rows`. All processes share the features; the main one computes the scores."""
    others = [part for part in sets.trained if part is not sets.floor]
    real = (sets.reference, sets.floor, *others)
    with Progress("computing features", sum(map(len, (*real, sets.generated)))) as bar:

        def advance(count: int) -> None:
            bar.advance_to(bar.done + count)

        for part in real:
            _cache_features(part, network, advance)
        features = compute_features(sets.generated, network, advance, map_across_ranks)
    cache = feature_cache()
    return run_on_main(lambda: score_rows(sets, network, seed=seed, cache=cache, features=features))


def _cache_features(
    images: Tensor, network: FeatureNetwork, progress: Callable[[int], None]
) -> None:
    """Compute the features of real images and cache them, unless the cache holds them."""
    cache = feature_cache()
    if run_on_main(lambda: load_cached_features(images, network, cache) is not None):
        return
    features = compute_features(images, network, progress, map_across_ranks)
    if is_main():
        cache_features(features, images, network, cache)
