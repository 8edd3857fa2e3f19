"""A diffusion model small enough for a test, and what tests of several files ask of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ddpm.config import Config, with_overrides
from ddpm.models.base import State
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec

SMALL = (
    "network.channels=8",
    "network.multipliers=1,2",
    "diffusion.num_steps=20",
    "sampling.steps=4",
    "training.batch_size=8",
    "training.steps=20",
    "training.warmup=0",
    "training.precision=fp32",
)


@pytest.fixture
def small_spec() -> Callable[..., ModelSpec]:
    """A spec of 8x8 images with the given overrides; with `classes` it learns labels."""

    def make(*overrides: str, classes: int = 0, channels: int = 1) -> ModelSpec:
        labels = f"data.labels={'true' if classes else 'false'}"
        return ModelSpec(
            config=with_overrides(Config(), [*SMALL, labels, *overrides]),
            image_shape=(channels, 8, 8),
            data_mean=(-0.2,) * channels,
            data_std=0.6,
            class_names=tuple(f"class {c}" for c in range(classes)),
            class_counts=(3,) * classes,
        )

    return make


@pytest.fixture
def small_ddpm(small_spec: Callable[..., ModelSpec]) -> Callable[..., Ddpm]:
    """A model of `small_spec`; `awake`: with random weights instead of the silent ones of the start."""

    def make(*overrides: str, awake: bool = False, classes: int = 0, channels: int = 1) -> Ddpm:
        model = Ddpm(small_spec(*overrides, classes=classes, channels=channels))
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in model.ema.network.parameters() if awake else ():
                parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
        return model

    return make


@pytest.fixture
def stored() -> Callable[[State], State]:
    """A state as a file would hold it: copied, and every tensor in plain C order."""

    def store(state: State) -> State:
        return {
            stem: {
                name: tensor.detach().clone(memory_format=torch.contiguous_format)
                for name, tensor in tensors.items()
            }
            for stem, tensors in state.items()
        }

    return store
