"""The protocols of models, which every model family implements."""

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
from ddpm.errors import RequestError
from ddpm.messages import Message
from ddpm.models.autoguidance import Guides, Predictor
from ddpm.models.spec import ModelSpec
from ddpm.networks.outline import Row
from ddpm.optim.compiling import Compiled
from ddpm.optim.state import State

Metrics = Mapping[str, Tensor]
"""Metrics of one step: name → 0-d, or 1-d by noise band (nan for a band without images).

The names of losses end in "loss". The first loss is that of the network which generates the images.
"""


class Frame(NamedTuple):
    """One state of the reverse process of a chunk of images, float [N, C, H, W] in [-1, 1]."""

    x: Tensor  # the state x_t
    x0: Tensor  # the clean image predicted at the step before
    log_snr: float  # at this state; inf at the end
    remaining: int  # frames still to come


@runtime_checkable
class GenerativeModel(Protocol):
    """A model of any family. Images are float [N, C, H, W] in [-1, 1]; labels int64 [N] or None."""

    spec: ModelSpec

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        """Take one optimizer step; its random numbers depend on (seed, step) alone."""

    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Metrics:
        """Return the loss of the averaged weights on fixed noise, comparable between steps of a run."""

    def image_losses(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """Return the per-image loss [N], or None if the family has none.

        Batches of equal size share timesteps and noise.
        """

    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        """Sample one chunk of images, image i from seed i alone, and yield every state."""

    def state(self) -> State:
        """Return the training state: `ema` (the weights for sampling), `weights` and `optimizer`.

        The next step changes these tensors in place: copy those that must be kept.
        """

    def averaged_weights(self) -> dict[str, Tensor]:
        """Return the weights for sampling (`ema` of `state`). The next step changes them in place."""

    def load_state(self, state: State) -> None:
        """Copy `state` into the model; `ema` or `weights` alone are used for both.

        Without `optimizer` its state is kept. RuntimeError: weights of another network.
        """

    def parameter_counts(self) -> dict[str, int]:
        """Return the number of trained parameters of each network, by its name."""

    def outlines(self) -> dict[str, list[Row]]:
        """Return the layers of each network as rows of a diagram, by its name."""

    def describe_sampling(self, settings: SamplingConfig) -> Message:
        """Return a short description of sampling with `settings`, for captions: `dpm++2m, 20 steps`."""

    def describe(self) -> list[str]:
        """Return the lines shown before training starts."""

    def set_total_steps(self, config: Config) -> None:
        """Set the configuration once its total number of steps is known; the learning rate depends on it."""


@runtime_checkable
class DiffusionModel(GenerativeModel, Protocol):
    """A model with a denoiser: x_t and t → the predicted clean image, at every level of a schedule."""

    device: torch.device
    precision: str  # fp32 or bf16
    schedule: Schedule
    objective: Objective
    guides: Guides  # for autoguidance

    @property
    def network(self) -> nn.Module:
        """The network that is trained."""

    @property
    def averaged(self) -> Predictor:
        """The averaged network and its objective."""

    def guide(self, name: str) -> Predictor:
        """Return the guide called `name` (`sampling.guide`); RequestError if there is none."""

    def evaluations(
        self, settings: SamplingConfig, t: int, labels: Sequence[int] | None = None
    ) -> int:
        """Return how often the denoiser evaluates a network at time t, guidance and mixtures included."""

    def denoiser(
        self,
        labels: Sequence[int] | None,
        settings: SamplingConfig,
        *,
        feeds_back: bool = False,
    ) -> Denoiser:
        """Return (x_t, t) → the predicted clean image, guided and clipped as `settings` say.

        With `feeds_back`, a self-conditioned network sees its previous prediction.
        """

    def levels(self, settings: SamplingConfig, start: int | None = None) -> Levels:
        """Return the noise levels that `settings` visit, from the top or from table index `start`."""

    def frames(
        self,
        levels: Levels,
        x: Tensor,
        noise: Callable[[], Tensor],
        labels: Sequence[int] | None,
        settings: SamplingConfig,
    ) -> Iterator[Frame]:
        """Yield the states of the reverse process, from `x` at the first of `levels` to the clean image."""

    def compile(self) -> Compiled:
        """Compile the training network if the configuration asks for it. All processes must call it."""

    def unsharded(self) -> GenerativeModel:
        """Return a model that is not sharded, to sample with. All processes must call it."""


@runtime_checkable
class DistilledModel(GenerativeModel, Protocol):
    """A model that samples in jumps."""

    @property
    def ddpm(self) -> DiffusionModel:
        """The model whose network makes the jumps."""


@runtime_checkable
class TaughtModel(GenerativeModel, Protocol):
    """A model whose training needs another model."""

    def set_teacher(self, teacher: DiffusionModel) -> None:
        """Set the teacher, which samples with its own settings and is never changed."""


def as_diffusion(model: GenerativeModel) -> DiffusionModel | None:
    """Return `model` if it has a denoiser, else None."""
    return model if isinstance(model, DiffusionModel) else None


def check_model(model: object) -> None:
    """Raise RequestError if `model` is not a model."""
    if not isinstance(model, GenerativeModel):
        raise RequestError(
            "The model must come from ddpm.open_model(…).model or ddpm.build_model(…), not a value of type "
            f"{type(model).__name__}."
        )
