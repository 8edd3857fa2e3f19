"""Facts that the doctor's rules check, and the findings that they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ddpm.config import Config, TrainingConfig


class Finding(NamedTuple):
    """A problem and its fix. `serious`: bad images. `note`: lost time or a risk."""

    severity: Literal["serious", "note"]
    problem: str  # a sentence
    fix: str  # what to type or to change
    reason: str  # a sentence

    def row(self) -> dict[str, str]:
        """Return plain values under the keys of earlier versions."""
        return {
            "severity": self.severity, "words": self.problem, "mend": self.fix, "why": self.reason,
        }  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Facts about a configuration or a run. None or empty means unknown; rules then find nothing."""

    config: Config
    steps: int | None = None  # total training steps
    images: int | None = None  # number of training images
    data: Mapping[str, Any] = field(default_factory=dict)  # `Dataset.report`
    class_names: tuple[str, ...] | None = None
    duplicates: int | None = None  # exact copies in the data set
    rows: Sequence[Mapping[str, Any]] = ()  # rows of the log
    requests_fp16: bool = False
    emulates_bf16: bool = False  # bf16 is requested, which the device only emulates

    @property
    def training(self) -> TrainingConfig:
        return self.config.training

    @property
    def learns_labels(self) -> bool:
        """Whether the network is conditioned on classes, given or found by clustering."""
        data = self.config.data
        return data.clusters > 0 or (data.labels is not False and self.class_names != ())

    @property
    def is_diffusion(self) -> bool:
        """Whether the model is a diffusion model."""
        return self.config.family.is_diffusion

    @property
    def passes(self) -> float | None:
        """Number of epochs; None if the steps or the images are unknown."""
        if self.steps is None or not self.images:
            return None
        return self.steps * self.training.batch_size / self.images


Rule = Callable[[Case], Finding | None]
