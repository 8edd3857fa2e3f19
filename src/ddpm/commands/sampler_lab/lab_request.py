"""What a sampler lab is asked: which model, what to measure of it, and where the results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ddpm.scoring.measurement import EvaluationRequest

DEFAULT_BUDGETS = (4, 6, 8, 10, 15, 20, 30, 50)
DEFAULT_COUNT = 1000


@dataclass(frozen=True)
class LabRequest:
    """Which model, what to measure of it, and where the results go."""

    target: str  # a run, or weights
    samplers: Sequence[str] = ()  # none: all
    evaluations: Sequence[int] = DEFAULT_BUDGETS  # of the network an image, at most
    ancestral: bool = False  # Algorithm 2 over every level as well
    reference: str | None = None  # real images; None: the model's own training images
    n: int = DEFAULT_COUNT
    metric: str = "fd"
    network: str = "auto"
    weights: Path | None = None  # of the feature network, where it takes any
    seed: int = 0  # of the first image
    out: Path | None = None  # None: the run's folder; for weights, NAME-sampler-lab
    keep: bool = False  # leave the run's default setting as it is
    json: Path | None = None
    overrides: Sequence[str] = ()  # sampling.key=value, of all points
    device: str = "auto"


def as_evaluation(request: LabRequest) -> EvaluationRequest:
    """What `ddpm evaluate` would be asked for the same protocol."""
    return EvaluationRequest(
        target=request.target,
        reference=request.reference,
        n=request.n,
        network=request.network,
        weights=request.weights,
        seed=request.seed,
        overrides=request.overrides,
        device=request.device,
    )
