"""The setup of a score: real images, number of images and feature network."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ddpm.data.catalogue import cache_dir
from ddpm.device import pick_device
from ddpm.distributed import local_main_first
from ddpm.errors import RequestError
from ddpm.evaluation.feature_networks import (
    NetworkRequest,
    check_takes_weights,
    load_network,
    resolve_network,
)
from ddpm.evaluation.features import FeatureNetwork
from ddpm.evaluation.image_sets import MIN_IMAGES, check_matching, check_real_images, limit_count
from ddpm.evaluation.self_encoder import MIN_IMAGES as MIN_REFERENCE
from ddpm.messages import Message, message, sentence
from ddpm.scoring.evaluation_request import DEFAULT_COUNT, EvaluationRequest
from ddpm.scoring.generated_images import GeneratedImages, describe_available
from ddpm.scoring.real_images import RealImages, reference_images, training_images
from ddpm.terminal import Progress, print_line


@dataclass(frozen=True)
class ScoringSetup:
    """The images, count and feature network shared by all scores of a request."""

    real: RealImages
    count: int  # generated images to score
    notes: list[Message]  # on the sets of images
    network: FeatureNetwork
    network_reason: Message

    def facts(self) -> dict[str, Any]:
        """Return the setup as plain values for evaluation.json, sampler-lab.json and ema.json."""
        return {
            "network": self.network.name,
            "network_why": self.network_reason,
            **self.real.facts(),
            "n": self.count,
            "notes": self.notes,
        }


def prepare_scoring(
    request: EvaluationRequest, generated: GeneratedImages, real: RealImages, requested: int
) -> ScoringSetup:
    """Check the sets of images and load the feature network. Train the network first if needed.

    `requested`: the requested number of images. Fewer real images lower it.
    RequestError if the images cannot be scored: too few, or of different shapes.
    """
    real.check_enough("An evaluation", MIN_IMAGES, MIN_IMAGES)
    check_real_images(real.reference, real.floor)
    shape = generated.shape(real.reference.shape[1:])
    example = torch.empty(min(requested, MIN_IMAGES), *shape, dtype=torch.uint8, device="cpu")
    check_matching("generated images", example, real.reference)
    count, lowered = limit_count(requested, len(real.reference), len(real.floor))
    fewer = _fewer_images_notes(request, requested)
    notes = [*fewer, *lowered, *generated.notes, *real.notes]
    network, reason = _feature_network(request, real)
    return ScoringSetup(real, count, notes, network, reason)


def requested_count(request: EvaluationRequest, generated: GeneratedImages) -> int:
    """Return the number of images to score, before the real images limit it.

    RequestError if there are fewer images than requested.
    """
    available = generated.available
    if request.n is None:
        return DEFAULT_COUNT if available is None else min(DEFAULT_COUNT, available)
    if available is not None and request.n > available:
        raise RequestError(
            f"{request.target} holds only {describe_available(generated)} images, fewer than the "
            f"{request.n} requested; use -n {available}, or give more images."
        )
    return request.n


def find_real_images(
    request: EvaluationRequest, generated: GeneratedImages, count: int
) -> RealImages:
    """Return the images named by --reference, else the model's own training images.

    `count`: the wanted size of the floor set. RequestError if neither is known.
    """
    opened = generated.opened
    if request.reference is not None:
        return reference_images(request.reference, generated.shape((3,)), opened, count)
    if opened is None:
        raise RequestError(
            f"{request.target} holds images without training images to compare with; "
            "name the real images with --reference."
        )
    return training_images(opened, count)


def feature_cache() -> Path:
    """Return the folder of cached features and trained encoders."""
    return cache_dir() / "evaluation"


def compute_environment(device: str, start: float) -> dict[str, Any]:
    """Return versions, device, threads and seconds since `start` (of `time.perf_counter`)."""
    return {
        "torch": torch.__version__,
        "device": str(pick_device(device)),
        "threads": torch.get_num_threads(),
        "seconds": round(time.perf_counter() - start, 1),
    }


def _feature_network(
    request: EvaluationRequest, real: RealImages
) -> tuple[FeatureNetwork, Message]:
    """Return the feature network and the reason for its choice."""
    choice = resolve_network(request.network, real.reference)
    if request.weights is not None:
        check_takes_weights(choice.name)
    print_line(f"feature network {choice.name}: {sentence(choice.why)}")
    device = str(pick_device(request.device))
    wanted = NetworkRequest(real.reference, request.weights, feature_cache(), device)
    if choice.name != "self":
        return load_network(choice.name, wanted), choice.why
    real.check_enough("The self-trained encoder", MIN_REFERENCE)
    with Progress("training the encoder", 0, unit="steps") as bar:
        shown = replace(wanted, progress=bar.report)
        return local_main_first(lambda: load_network("self", shown)), choice.why


def _fewer_images_notes(request: EvaluationRequest, requested: int) -> list[Message]:
    if request.n is not None or requested == DEFAULT_COUNT:
        return []
    return [message("n_available", n=requested, usual=DEFAULT_COUNT)]
