"""`ddpm evaluate`: the scores of a run, of weights or of any images against real ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddpm.data.catalogue import cache_dir
from ddpm.device import pick_device
from ddpm.distributed import is_main, local_main_first, map_across_ranks, run_on_main
from ddpm.errors import RequestError
from ddpm.evaluation.feature_networks import (
    TAKES_WEIGHTS,
    NetworkRequest,
    load_network,
    resolve_network,
)
from ddpm.evaluation.features import (
    FeatureNetwork,
    cache_features,
    compute_features,
    load_cached_features,
)
from ddpm.evaluation.image_sets import (
    MIN_IMAGES,
    ImageSets,
    check_matching,
    check_real_images,
    limit_count,
)
from ddpm.evaluation.protocol import content_hash
from ddpm.evaluation.scores import Row, score_rows
from ddpm.messages import Message, message, sentence
from ddpm.scoring.bits_per_dim import likelihood_rows
from ddpm.scoring.generated_images import (
    GeneratedImages,
    ModelSamples,
    describe_available,
    open_generated_images,
)
from ddpm.scoring.real_images import (
    RealImages,
    mark_trained_heldout,
    reference_images,
    training_images,
)
from ddpm.terminal import Progress, say

FORMAT = 2  # 1: sentences in place of messages
DEFAULT_COUNT = 1000


@dataclass(frozen=True)
class EvaluationRequest:
    """What to measure, against what, and how."""

    target: str  # a run, weights, or images: a folder, zip, .npy or .npz
    reference: str | None = None  # real images; None: a model's own training images
    n: int | None = None  # None: 1000, or as many as there are
    network: str = "auto"
    weights: Path | None = None  # of the feature network, where it takes any
    seed: int = 0  # of the first image drawn, and of every choice among images
    likelihood: int = 64  # held-out images; 0 is off
    json: Path | None = None
    overrides: Sequence[str] = ()  # sampling.key=value
    device: str = "auto"


@dataclass(frozen=True)
class Measurement:
    """The object of evaluation.json, the images under test (uint8 [n, C, H, W]), and all three sets."""

    evaluation: dict[str, Any]
    images: Tensor
    sets: ImageSets


def measure(request: EvaluationRequest, real: RealImages | None = None) -> Measurement:
    """Draw or read the images under test and take every score; writes nothing beside the cache.

    `real`: the real images, where they are opened already; else the request says which.
    """
    began = time.perf_counter()
    subject = open_generated_images(request.target, request.overrides, request.device)
    asked = requested_count(request, subject)
    real = real or find_real_images(request, subject, asked)
    if isinstance(subject, ModelSamples):
        real = mark_trained_heldout(subject.opened, real)
    count, notes = usable_count(request, subject, real, asked)
    network, why = feature_network(request, real)
    images = subject.take(count, request.seed, real.reference.shape[1:])
    drawn = isinstance(subject, ModelSamples)
    sets = ImageSets(images, real.reference, real.floor, drawn, real.trained)
    rows = [{**row, "notes": notes} for row in _scores(sets, network, request.seed)]
    if isinstance(subject, ModelSamples):
        model, heldout = subject.opened.model, real.heldout
        rows += likelihood_rows(model, heldout, request.likelihood, request.seed)
    evaluation = {
        "format": FORMAT,
        "name": subject.name,
        "target": request.target,
        **subject.facts(),
        "shape": list(images.shape[1:]),
        "network": network.name,
        "network_why": why,
        **describe_real(real),
        "n": count,
        "seed": request.seed,
        "notes": notes,
        "rows": rows,
        "environment": compute_environment(request, began),
    }
    return Measurement(evaluation, images, sets)


def usable_count(
    request: EvaluationRequest, subject: GeneratedImages, real: RealImages, asked: int
) -> tuple[int, list[Message]]:
    """Return how many images will be measured, and every note; RequestError where that cannot be."""
    check_real_images(real.reference, real.floor)
    shape = subject.shape(real.reference.shape[1:])
    few = torch.empty(min(asked, MIN_IMAGES), *shape, dtype=torch.uint8)  # asked may be any number
    check_matching("generated images", few, real.reference)
    count, lowered = limit_count(asked, len(real.reference), len(real.floor))
    return count, [*_fewer_images_note(request, asked), *lowered, *subject.notes, *real.notes]


def feature_network(request: EvaluationRequest, real: RealImages) -> tuple[FeatureNetwork, Message]:
    """The feature network, trained first where it has to be, and why it is the one."""
    choice = resolve_network(request.network, real.reference)
    if request.weights is not None and choice.name not in TAKES_WEIGHTS:
        raise RequestError(
            f"The feature network {choice.name} takes no weights; --weights is for "
            f"{' and '.join(TAKES_WEIGHTS)}, which --features names."
        )
    say(f"feature network {choice.name}: {sentence(choice.why)}")
    where = str(pick_device(request.device))
    asked = NetworkRequest(real.reference, request.weights, feature_cache(), where)
    if choice.name != "self":
        return load_network(choice.name, asked), choice.why
    with Progress("training the encoder", 0, unit="steps") as bar:
        shown = replace(asked, progress=bar.report)
        return local_main_first(lambda: load_network("self", shown)), choice.why


def _scores(sets: ImageSets, network: FeatureNetwork, seed: int) -> list[Row]:
    """`score_rows` with the features taken beforehand, under a bar."""
    more = [part for part in sets.trained if part is not sets.floor]
    real = (sets.reference, sets.floor, *more)
    with Progress("taking features", sum(map(len, (*real, sets.generated)))) as bar:

        def advance(taken: int) -> None:
            bar.reach(bar.done + taken)

        for part in real:
            _cache_features(part, network, advance)
        features = compute_features(sets.generated, network, advance, map_across_ranks)
    return run_on_main(
        lambda: score_rows(sets, network, seed=seed, cache=feature_cache(), features=features)
    )


def _cache_features(
    images: Tensor, network: FeatureNetwork, progress: Callable[[int], None]
) -> None:
    """The features into the main process's cache, where they are not there yet."""
    if run_on_main(lambda: load_cached_features(images, network, feature_cache()) is not None):
        return
    features = compute_features(images, network, progress, map_across_ranks)
    if is_main():
        cache_features(features, images, network, feature_cache())


def feature_cache() -> Path:
    """The folder of features and trained encoders."""
    return cache_dir() / "evaluation"


def compute_environment(request: EvaluationRequest, began: float) -> dict[str, Any]:
    """Where and in what time; `began` as by time.perf_counter."""
    return {
        "torch": torch.__version__,
        "device": str(pick_device(request.device)),
        "threads": torch.get_num_threads(),
        "seconds": round(time.perf_counter() - began, 1),
    }


def requested_count(request: EvaluationRequest, subject: GeneratedImages) -> int:
    """How many images to measure, before the real ones are counted."""
    available = subject.available
    if request.n is None:
        return DEFAULT_COUNT if available is None else min(DEFAULT_COUNT, available)
    if available is not None and request.n > available:
        raise RequestError(
            f"{request.n} images were asked for, but {request.target} holds only "
            f"{describe_available(subject)}; use -n {available}, or give more images."
        )
    return request.n


def _fewer_images_note(request: EvaluationRequest, asked: int) -> list[Message]:
    if request.n is not None or asked == DEFAULT_COUNT:
        return []
    return [message("n_available", n=asked, usual=DEFAULT_COUNT)]


def find_real_images(request: EvaluationRequest, subject: GeneratedImages, n: int) -> RealImages:
    """What --reference names, else a model's own training images; n as in `split`."""
    opened = subject.opened if isinstance(subject, ModelSamples) else None
    if request.reference is not None:
        shape = subject.shape((3,))
        return reference_images(request.reference, shape, opened, n)
    if opened is None:
        raise RequestError(
            f"What are the images in {request.target} to be measured against? Name the real images "
            "with --reference."
        )
    return training_images(opened, n)


def describe_real(real: RealImages) -> dict[str, Any]:
    """The reference and the floor as they stand in evaluation.json."""
    return {
        "reference": {
            "name": real.name,
            "count": len(real.reference),
            "hash": content_hash(real.reference),
            "what": real.reference_what,
        },
        "floor": {"count": len(real.floor), "what": real.floor_what},
    }
