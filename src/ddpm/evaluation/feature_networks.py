"""The table of feature networks, and the automatic choice, which needs no download.

Standard library only until a network is loaded, so that the command line can list the names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ddpm.errors import RequestError
from ddpm.messages import Message, message

if TYPE_CHECKING:
    from torch import Tensor

    from ddpm.evaluation.features import FeatureNetwork

PROBE_IMAGES = 500  # reference images that the automatic choice classifies
MIN_CONFIDENT_SHARE = 0.7  # of the probe images with a confident class; letters reach 0.5


@dataclass(frozen=True)
class NetworkRequest:
    """Arguments of the loaders."""

    reference: Tensor  # uint8 [M, C, H, W]
    weights: Path | None = None
    cache: Path | None = None  # folder of trained encoders
    device: str = "cpu"
    progress: Callable[[int, int], None] = lambda done, total: None  # training steps


@dataclass(frozen=True)
class FeatureNetworkEntry:
    """A row of FEATURE_NETWORKS."""

    load: Callable[[NetworkRequest], FeatureNetwork]
    source: str = ""  # key of documents.citations.SOURCES
    takes_weights: bool = False  # whether `NetworkRequest.weights` is used


def _load_digits(request: NetworkRequest) -> FeatureNetwork:
    from ddpm.evaluation.digits import load_digits

    return load_digits()


def _load_self(request: NetworkRequest) -> FeatureNetwork:
    from ddpm.evaluation.self_encoder import load_self

    return load_self(request.reference, request.cache, request.progress)


def _load_inception(request: NetworkRequest) -> FeatureNetwork:
    from ddpm.evaluation.inception import load_inception

    return load_inception(request.weights, request.device)


def _load_dino(request: NetworkRequest) -> FeatureNetwork:
    from ddpm.evaluation.dino import load_dino

    return load_dino(request.weights, request.device)


FEATURE_NETWORKS: dict[str, FeatureNetworkEntry] = {
    "digits": FeatureNetworkEntry(_load_digits),
    "self": FeatureNetworkEntry(_load_self, source="self"),
    "inception": FeatureNetworkEntry(_load_inception, source="inception", takes_weights=True),
    "dino": FeatureNetworkEntry(_load_dino, source="dino", takes_weights=True),
}


class NetworkChoice(NamedTuple):
    """The name of a network, and the reason for the choice."""

    name: str
    why: Message


def load_network(name: str, request: NetworkRequest) -> FeatureNetwork:
    """Load a feature network by name, or the automatic choice for `auto`.

    RequestError for an unknown name, or if the network cannot be loaded.
    """
    return FEATURE_NETWORKS[resolve_network(name, request.reference).name].load(request)


def resolve_network(name: str, reference: Tensor) -> NetworkChoice:
    """Return the named network, or the automatic choice for `auto`. RequestError if unknown."""
    from ddpm.evaluation.features import check_images

    check_images(reference, "The reference images")
    if name == "auto":
        return choose_network(reference)
    if name not in FEATURE_NETWORKS:
        raise RequestError(
            f"Unknown feature network {name!r}; choose auto, {', '.join(FEATURE_NETWORKS)}."
        )
    return NetworkChoice(name, message("network_requested"))


def choose_network(reference: Tensor) -> NetworkChoice:
    """Return `digits` if the digit classifier is confident of most reference images, else `self`.

    It must also see more than 5 classes, since a classifier can be confident of one wrong class.
    """
    import torch

    from ddpm.evaluation.digits import load_digits
    from ddpm.evaluation.diversity import is_confident

    if reference.shape[1] != 1:
        return NetworkChoice("self", message("network_color"))
    step = max(1, len(reference) // PROBE_IMAGES)
    probabilities = load_digits().probabilities(reference[::step])
    confident = is_confident(probabilities)
    has_several_classes = len(torch.unique(probabilities.argmax(dim=1)[confident])) > 5
    share = confident.double().mean().item()
    if share > MIN_CONFIDENT_SHARE and has_several_classes:
        return NetworkChoice("digits", message("network_digits", share=share))
    return NetworkChoice("self", message("network_no_digits"))


def check_takes_weights(name: str) -> None:
    """Raise RequestError if a feature network does not read a weights file."""
    if not FEATURE_NETWORKS[name].takes_weights:
        names = [other for other, entry in FEATURE_NETWORKS.items() if entry.takes_weights]
        raise RequestError(
            f"The feature network {name} takes no weights; leave out --weights, or choose "
            f"--features {' or '.join(names)}."
        )


def network_source(name: str) -> str:
    """Return the citation key of a network by its name in a score, such as `self-1f2e3d`; "" if none."""
    entry = FEATURE_NETWORKS.get(name.split("-")[0])
    return entry.source if entry else ""
