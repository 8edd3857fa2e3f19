"""ddpm-studio: its model, its batches, and a training loop's settings."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import numpy as np
from torch import Tensor

from benchmarks.matching import MATCHED
from benchmarks.sides import CLIP, RATE, Setup
from ddpm.api import build_model, sample
from ddpm.config import Config, NetworkConfig, TrainingConfig, with_overrides
from ddpm.data.batches import Batches
from ddpm.data.pixels import to_model
from ddpm.device import deterministic_algorithms, keep_freed_memory
from ddpm.models.ddpm import Ddpm
from ddpm.presets import get_preset

FACTS = 2000  # images from which the data's mean and spread are taken


class Ours:
    """A model from the library, trained with the settings of `ddpm train`.

    Freed memory is kept, steps are deterministic, and batches are assembled on the device of the model.
    """

    def __init__(self, setup: Setup, images: Tensor) -> None:
        keep_freed_memory()
        model = build_model(config(setup), images[:FACTS], device=setup.device)
        assert isinstance(model, Ddpm)
        self.model, self.network = model, model.network
        self.versions = {"ddpm-studio": metadata.version("ddpm-studio")}
        self.batches = Batches(
            images.numpy(), np.arange(len(images)), None, setup.batch, setup.seed
        )
        self.batches.move_to(model.device)
        self.done = 0

    @property
    def compiled(self) -> bool:
        return self.model.compile().is_compiled

    def step(self) -> Tensor:
        self.done += 1
        images, labels = self.batches.batch(self.done - 1)
        with deterministic_algorithms():
            return self.model.training_step(to_model(images), labels, self.done)["loss"]

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        answer: Tensor = self.network(x, t)
        return answer

    def draw(self, n: int, steps: int, seed: int) -> Tensor:
        return sample(self.model, n, seed=seed, settings=[f"sampling.steps={steps}"])

    def state(self) -> dict[str, Any]:
        return {"step": self.done, "model": self.model.state()}

    def load(self, state: dict[str, Any]) -> None:
        self.done = state["step"]
        self.model.load_state(state["model"])


def config(setup: Setup) -> Config:
    """Return the configuration of a preset, or a peer's network with the optimizer settings of the peers."""
    if setup.network not in MATCHED:
        asked = {"precision": setup.precision, "batch_size": setup.batch, "seed": setup.seed}
        return with_overrides(
            get_preset(setup.network).config, [f"training.{k}={v}" for k, v in asked.items()]
        )
    return Config(
        network=NetworkConfig(**MATCHED[setup.network]),
        training=TrainingConfig(
            batch_size=setup.batch,
            optimizer="adam",
            learning_rate=RATE,
            warmup=0,
            decay="none",
            clip=CLIP,
            precision=setup.precision,  # type: ignore[arg-type]
            seed=setup.seed,
        ),
    )
