"""The request for an evaluation, as made by `ddpm evaluate` and by commands that score images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

DEFAULT_COUNT = 1000


class ScoringOptions(Protocol):
    """The options shared by every command that scores the images of one model."""

    @property
    def target(self) -> str: ...
    @property
    def reference(self) -> str | None: ...
    @property
    def n(self) -> int: ...
    @property
    def network(self) -> str: ...
    @property
    def weights(self) -> Path | None: ...
    @property
    def seed(self) -> int: ...
    @property
    def overrides(self) -> Sequence[str]: ...
    @property
    def device(self) -> str: ...


@dataclass(frozen=True)
class EvaluationRequest:
    """The images to score, the real images to compare them with, and the settings."""

    target: str  # a run, weights, or images: a folder, zip, .npy or .npz
    reference: str | None = None  # real images; None: the model's own training images
    n: int | None = None  # images to score; None: 1000, or all where there are fewer
    network: str = "auto"  # feature network
    weights: Path | None = None  # weights of the feature network
    seed: int = 0  # seed of the first image, and of every random subset
    likelihood: int = 64  # held-out images for bits/dim; 0 turns it off
    json: Path | None = None  # write the evaluation to this file, too
    overrides: Sequence[str] = ()  # sampling.key=value
    device: str = "auto"


def as_evaluation_request(options: ScoringOptions) -> EvaluationRequest:
    """Return the request for the same images, reference and feature network."""
    return EvaluationRequest(
        target=options.target,
        reference=options.reference,
        n=options.n,
        network=options.network,
        weights=options.weights,
        seed=options.seed,
        overrides=options.overrides,
        device=options.device,
    )
