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
from ddpm.evaluation.self_encoder import Progress, load_self, silent

PROBE = 500  # reference images on which the automatic choice looks
SURE = 0.7  # share of them that the digit classifier must be sure of; of letters it is sure of half


@dataclass(frozen=True)
class NetworkRequest:
    """What the loaders may need: the reference, a weights path, a cache folder, a device.

    `progress(done, total)` is told of the steps of a training.
    """

    reference: Tensor
    weights: Path | None = None
    cache: Path | None = None
    device: str = "cpu"
    progress: Progress = silent


FEATURES: dict[str, Callable[[NetworkRequest], FeatureNetwork]] = {
    "digits": lambda request: load_digits(),
    "self": lambda request: load_self(request.reference, request.cache, request.progress),
    "inception": lambda request: load_inception(request.weights, request.device),
    "dino": lambda request: load_dino(request.weights, request.device),
}
TAKES_WEIGHTS = ("inception", "dino")  # where NetworkRequest.weights says something


class Choice(NamedTuple):
    """A network's name, and in a few words why it is the one."""

    name: str
    why: str


def load_network(name: str, request: NetworkRequest) -> FeatureNetwork:
    """The feature network of that name; `auto` is what `choose` says. RequestError without."""
    return FEATURES[pick(name, request.reference).name](request)


def pick(name: str, reference: Tensor) -> Choice:
    """The network asked for, or for `auto` what `choose` says; RequestError for an unknown name."""
    check_images(reference, "The reference images")
    if name == "auto":
        return choose(reference)
    if name not in FEATURES:
        raise RequestError(
            f"There is no feature network {name!r}; the choices are auto, {', '.join(FEATURES)}."
        )
    return Choice(name, "as asked for")


def choose(reference: Tensor) -> Choice:
    """`digits` where the classifier is sure (> 0.9) of most reference images, else `self`.

    Classes must also be several, since a classifier can be sure of one wrong thing.
    """
    if reference.shape[1] != 1:
        return Choice("self", "the reference is in color; an encoder trained on it sees it best")
    step = max(1, len(reference) // PROBE)
    best = load_digits().probabilities(reference[::step]).max(dim=1)
    several = len(torch.unique(best.indices[best.values > 0.9])) > 5
    sure = (best.values > 0.9).double().mean().item()
    if sure > SURE and several:
        return Choice("digits", f"the digit classifier is sure of {sure:.0%} of the reference")
    return Choice("self", "the reference holds no digits; an encoder trained on it sees it best")
