"""The one seam of the product: what the training loop and the samplers' callers know of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from ddpm.config import Config, SamplingConfig
from ddpm.models.spec import ModelSpec
from ddpm.optim.state import State

Losses = Mapping[str, Tensor]
"""What one step measured: name → 0-d, or 1-d by noise level (nan where none fell).

Losses have names that end in "loss"; the first is that of the network which draws.
"""


class Frame(NamedTuple):
    """One moment of the reverse process of one chunk of images, float NCHW in model range."""

    x: Tensor  # the state x_t
    x0: Tensor  # the clean image predicted on the way there
    log_snr: float  # of the level reached; inf when done
    remaining: int  # frames still to come


class GenerativeModel(Protocol):
    """A model family: diffusion or GAN. Images are float NCHW in [-1, 1]; labels int64 [N] or None."""

    spec: ModelSpec

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Losses:
        """One optimizer step; the random numbers depend on (seed, step) alone."""

    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Losses:
        """The loss of the averaged weights on fixed noise: comparable along a run."""

    def image_losses(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """The same of each image [N]; None where the family has no loss of a single image."""

    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        """Draw one chunk of images, image i from seed i alone, yielding every moment."""

    def state(self) -> State:
        """Everything training needs to go on: `ema` (what is sampled), `weights`, `optimizer`.

        The tensors are the live ones: copy what has to outlast the next step.
        """

    def averaged_weights(self) -> dict[str, Tensor]:
        """The part `ema` of `state`: all that drawing needs. The live tensors, as there."""

    def load_state(self, state: State) -> None:
        """Go on from a copy of `state`; `ema` or `weights` alone serve for both.

        Without `optimizer` that one is left as it is. RuntimeError: weights of another network.
        """

    def parameters(self) -> dict[str, int]:
        """How many trained numbers each network of the model holds, by the network's name."""

    def drawing(self, settings: SamplingConfig) -> str:
        """How `settings` make an image, in a few words for captions: `dpm++2m, 20 steps`."""

    def describe(self) -> list[str]:
        """What a user should know before it trains, a line each."""

    def set_total(self, config: Config) -> None:
        """Take over the run's total, which the learning rate follows, once it is known."""
