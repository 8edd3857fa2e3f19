"""What the doctor's rules look at, and what they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ddpm.config import Config, TrainingConfig


class Finding(NamedTuple):
    """Something to mend. `serious`: the images will be wrong or poor; `note`: effort is lost or at risk."""

    severity: Literal["serious", "note"]
    words: str  # what is wrong
    mend: str  # the one line that mends it
    why: str


@dataclass(frozen=True)
class Case:
    """What the rules look at. None and empty are what is not known: a rule is silent about that."""

    config: Config
    steps: int | None = None  # the run's total
    images: int | None = None  # trained on
    data: Mapping[str, Any] = field(default_factory=dict)  # `Dataset.report`
    class_names: tuple[str, ...] | None = None
    duplicates: int | None = None  # exact copies among the images given
    rows: Sequence[Mapping[str, Any]] = ()  # of the log
    half: bool = False  # fp16 was asked for
    emulated: bool = False  # bf16 was asked for, which the device does not multiply in

    @property
    def training(self) -> TrainingConfig:
        return self.config.training

    @property
    def learns_labels(self) -> bool:
        """Whether the network is told classes: the images' own, or groups found among them."""
        data = self.config.data
        return data.clusters > 0 or (data.labels is not False and self.class_names != ())

    @property
    def diffusion(self) -> bool:
        """Whether it is a diffusion model."""
        return self.config.family.is_diffusion

    @property
    def passes(self) -> float | None:
        """Epochs."""
        if self.steps is None or not self.images:
            return None
        return self.steps * self.training.batch_size / self.images


Rule = Callable[[Case], Finding | None]
