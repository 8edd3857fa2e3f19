"""The table of feature networks, and the choice among them that needs no download."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.digits import load_digits
from ddpm.evaluation.dino import load_dino
from ddpm.evaluation.features import FeatureNetwork, check_images
from ddpm.evaluation.inception import load_inception
from ddpm.evaluation.self_encoder import Progress, ignore_progress, load_self
from ddpm.messages import Message, message

PROBE_IMAGES = 500  # reference images on which the automatic choice looks
MIN_CONFIDENT_SHARE = (
    0.7  # share of them that the digit classifier must be sure of; of letters it is sure of half
)


@dataclass(frozen=True)
class NetworkRequest:
    """What the loaders may need: the reference, a weights path, a cache folder, a device.

    `progress(done, total)` is told of the steps of a training.
    """

    reference: Tensor
    weights: Path | None = None
    cache: Path | None = None
    device: str = "cpu"
    progress: Progress = ignore_progress


FEATURE_NETWORKS: dict[str, Callable[[NetworkRequest], FeatureNetwork]] = {
    "digits": lambda request: load_digits(),
    "self": lambda request: load_self(request.reference, request.cache, request.progress),
    "inception": lambda request: load_inception(request.weights, request.device),
    "dino": lambda request: load_dino(request.weights, request.device),
}
TAKES_WEIGHTS = ("inception", "dino")  # where NetworkRequest.weights says something


class NetworkChoice(NamedTuple):
    """A network's name, and why it was chosen."""

    name: str
    why: Message


def load_network(name: str, request: NetworkRequest) -> FeatureNetwork:
    """The feature network of that name; `auto` is what `choose_network` says. RequestError without."""
    return FEATURE_NETWORKS[resolve_network(name, request.reference).name](request)


def resolve_network(name: str, reference: Tensor) -> NetworkChoice:
    """The network asked for, or for `auto` what `choose_network` says; RequestError for an unknown name."""
    check_images(reference, "The reference images")
    if name == "auto":
        return choose_network(reference)
    if name not in FEATURE_NETWORKS:
        raise RequestError(
            f"There is no feature network {name!r}; the choices are auto, {', '.join(FEATURE_NETWORKS)}."
        )
    return NetworkChoice(name, message("network_requested"))


def choose_network(reference: Tensor) -> NetworkChoice:
    """`digits` where the classifier is sure (> 0.9) of most reference images, else `self`.

    Classes must also be several, since a classifier can be sure of one wrong thing.
    """
    if reference.shape[1] != 1:
        return NetworkChoice("self", message("network_color"))
    step = max(1, len(reference) // PROBE_IMAGES)
    best = load_digits().probabilities(reference[::step]).max(dim=1)
    several = len(torch.unique(best.indices[best.values > 0.9])) > 5
    sure = (best.values > 0.9).double().mean().item()
    if sure > MIN_CONFIDENT_SHARE and several:
        return NetworkChoice("digits", message("network_digits", share=sure))
    return NetworkChoice("self", message("network_no_digits"))
