"""The request of a sampler lab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DEFAULT_BUDGETS = (4, 6, 8, 10, 15, 20, 30, 50)


@dataclass(frozen=True)
class LabRequest:
    """The model and samplers to measure, the settings, and the folder of the results."""

    target: str  # a run, or weights
    samplers: Sequence[str] = ()  # empty: all
    evaluations: Sequence[int] = DEFAULT_BUDGETS  # maximum network evaluations per image
    ancestral: bool = False  # also measure Algorithm 2 over every noise level
    reference: str | None = None  # real images; None: the model's own training images
    n: int = 1000  # images per setting
    metric: str = "fd"
    network: str = "auto"  # feature network
    weights: Path | None = None  # weights of the feature network
    seed: int = 0  # seed of the first image
    out: Path | None = None  # None: the run's folder; for weights, NAME-sampler-lab
    keep: bool = False  # leave the run's default settings unchanged
    json: Path | None = None  # also write the results to this file
    overrides: Sequence[str] = ()  # sampling.key=value, for every setting
    device: str = "auto"
