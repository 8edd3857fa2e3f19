"""What the rest of the product knows of a model: the protocols that model families satisfy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ddpm.config import Config, SamplingConfig
from ddpm.diffusion.levels import Levels
from ddpm.diffusion.objectives import Objective
from ddpm.diffusion.samplers import Denoiser
from ddpm.diffusion.schedules import Schedule
from ddpm.messages import Message
from ddpm.models.autoguidance import Guides, Predictor
from ddpm.models.spec import ModelSpec
from ddpm.networks.outline import Row
from ddpm.optim.compiling import Compiled
from ddpm.optim.state import State

Metrics = Mapping[str, Tensor]
"""Measurements of one step: name → 0-d, or 1-d by noise level (nan for a level without images).

Losses have names that end in "loss"; the first is that of the network which draws.
"""


class Frame(NamedTuple):
    """One state of the reverse process of a chunk of images, float [N, C, H, W] in [-1, 1]."""

    x: Tensor  # the state x_t
    x0: Tensor  # the clean image predicted at the step before
    log_snr: float  # of the level reached; inf at the end
    remaining: int  # frames still to come


@runtime_checkable
class GenerativeModel(Protocol):
    """A model of any family. Images are float [N, C, H, W] in [-1, 1]; labels int64 [N] or None."""

    spec: ModelSpec

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        """Take one optimizer step; its random numbers depend on (seed, step) alone."""

    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Metrics:
        """Return the loss of the averaged weights on fixed noise, comparable along a run."""

    def image_losses(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """Return the per-image loss [N], or None if the family has none.

        Batches of equal size share timesteps and noise.
        """

    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        """Sample one chunk of images, image i from seed i alone, and yield every state."""

    def state(self) -> State:
        """Return what training needs to resume: `ema` (sampled from), `weights`, `optimizer`.

        The tensors are the live ones: copy what has to outlast the next step.
        """

    def averaged_weights(self) -> dict[str, Tensor]:
        """Return the part `ema` of `state`, all that sampling needs; the live tensors."""

    def load_state(self, state: State) -> None:
        """Copy `state` into the model; `ema` or `weights` alone are used for both.

        Without `optimizer` its moments are left alone. RuntimeError: weights of another network.
        """

    def parameter_counts(self) -> dict[str, int]:
        """Return the number of trained parameters of each network, by its name."""

    def outlines(self) -> dict[str, list[Row]]:
        """Return the layers of each network as rows to be drawn, by its name."""

    def describe_sampling(self, settings: SamplingConfig) -> Message:
        """Return how `settings` make an image, for captions: `dpm++2m, 20 steps`."""

    def describe(self) -> list[str]:
        """Return the lines shown before training starts."""

    def set_total_steps(self, config: Config) -> None:
        """Take over the run's number of steps, which the learning rate follows, once it is known."""


@runtime_checkable
class DiffusionModel(GenerativeModel, Protocol):
    """A model with a denoiser: x_t and t → the predicted clean image, at every level of a schedule."""

    device: torch.device
    precision: str  # fp32 or bf16
    schedule: Schedule
    objective: Objective
    guides: Guides  # models that autoguidance can lead away from

    @property
    def network(self) -> nn.Module:
        """The network that is trained."""

    @property
    def averaged(self) -> Predictor:
        """The averaged network and its objective; to another model they can be a guide."""

    def guide(self, name: str) -> Predictor:
        """Return the guide called `name` (`sampling.guide`); RequestError if there is none."""

    def is_guided(self, settings: SamplingConfig) -> bool:
        """Whether each step evaluates two networks, or one network twice."""

    def denoiser(self, labels: Sequence[int] | None, settings: SamplingConfig) -> Denoiser:
        """Return (x_t, t) → the predicted clean image, guided and clipped as `settings` say."""

    def levels(self, settings: SamplingConfig, start: int | None = None) -> Levels:
        """Return the noise levels that `settings` visit, from the top or from table index `start`."""

    def frames(
        self,
        visited: Levels,
        x: Tensor,
        noise: Callable[[], Tensor],
        labels: Sequence[int] | None,
        settings: SamplingConfig,
    ) -> Iterator[Frame]:
        """Yield the reverse process from `x` at the first of the levels `visited` to the clean image."""

    def compile(self) -> Compiled:
        """Compile the training network if the configuration asks for it; all processes together."""

    def unsharded(self) -> GenerativeModel:
        """Return a model to sample with, whose weights are whole; all processes together."""


@runtime_checkable
class DistilledModel(GenerativeModel, Protocol):
    """A model that learns from a teacher."""

    def set_teacher(self, teacher: DiffusionModel) -> None:
        """Take `teacher` with its own sampling settings; it is never changed."""


def as_diffusion(model: GenerativeModel) -> DiffusionModel | None:
    """Return `model` if it has a denoiser, else None."""
    return model if isinstance(model, DiffusionModel) else None
