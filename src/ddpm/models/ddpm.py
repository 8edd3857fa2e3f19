"""A denoising diffusion model: Algorithm 1 of Ho et al. 2020 (training) and the reverse process (sampling).

A configuration is unpacked here into the plain arguments of `diffusion` and `networks`. Sampling is in
`reverse_process.py`.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor, nn

from ddpm.config import Config
from ddpm.construction import Construction
from ddpm.data.transfer import to_device
from ddpm.device import autocast, resolve_precision
from ddpm.diffusion.guidance import clip_static
from ddpm.diffusion.objectives import make_objective, split_variance, training_loss
from ddpm.diffusion.process import add_noise
from ddpm.diffusion.schedules import make_schedule
from ddpm.diffusion.timesteps import draw_times
from ddpm.diffusion.training_noise import draw_noise
from ddpm.distributed import map_across_ranks, rank
from ddpm.errors import RequestError
from ddpm.models.augment_pipe import AUGMENT_LABELS, AugmentPipe
from ddpm.models.autoguidance import Guides, Predictor
from ddpm.models.base import Metrics
from ddpm.models.reverse_process import ReverseProcess
from ddpm.models.setup_warnings import setup_warnings, terminal_ratio
from ddpm.models.spec import ModelSpec, check_spec
from ddpm.networks.denoising_network import DenoisingNetwork
from ddpm.networks.dropout import seeded_dropout
from ddpm.networks.kinds import NETWORKS
from ddpm.networks.outline import Row
from ddpm.networks.self_conditioning import SelfConditioned
from ddpm.networks.uncertainty import Uncertainty
from ddpm.optim.compiling import Compiled
from ddpm.optim.learner import Learner, Loss, TensorBatch
from ddpm.optim.state import State
from ddpm.randomness import derive_seed, generator_for

NOISE_BANDS = 4  # the loss is also logged for each quarter of the noise range


@dataclass(frozen=True)
class NoisedBatch(TensorBatch):
    """A training batch: the images, times and noise of lines 2-4 of Algorithm 1."""

    x0: Tensor  # [N, C, H, W]
    t: Tensor  # [N]
    noise: Tensor  # [N, C, H, W]
    labels: Tensor | None  # [N]
    augment_labels: Tensor | None = None  # [N, 9]


class Ddpm(ReverseProcess):
    """A denoising diffusion model (Ho et al. 2020), with later schedules, objectives and samplers."""

    def __init__(
        self, spec: ModelSpec, device: torch.device | str = "cpu", *, sharded: bool = False
    ) -> None:
        check_spec(spec)
        config, diffusion = spec.config, spec.config.diffusion
        self.spec = spec
        self.device = torch.device(device)
        self.precision = resolve_precision(config.training.precision, self.device)
        self.schedule = make_schedule(diffusion.schedule, diffusion.num_steps, **diffusion.betas)
        mean = torch.tensor(spec.data_mean, dtype=torch.float32, device="cpu").to(self.device)
        try:
            self.objective = make_objective(diffusion.objective, self.schedule, mean, spec.data_std)
        except ValueError as error:  # images of one flat color, known once the data is read
            raise RequestError(f"This model cannot be created: {error}.") from error
        self.learner = Learner(make_network(spec), config, self.device, sharded=sharded)
        self.guides = Guides()  # replaced when the model is opened from a run

    @classmethod
    def sharded_over_processes(cls, spec: ModelSpec, device: torch.device | str) -> Ddpm:
        """Return a sharded model: each process holds a part of it on `device`."""
        return cls(spec, device, sharded=True)

    @property
    def network(self) -> DenoisingNetwork:
        """The network in training."""
        return self.learner.network

    @property
    def averaged(self) -> Predictor:
        """The averaged network, which samples the images, and its objective."""
        return Predictor(self.learner.ema.network.eval(), self.objective)

    # Training

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        """Take one step of Algorithm 1 of Ho et al. 2020 on a batch [N, C, H, W] in [-1, 1].

        Returns the mean loss, the mean loss by noise band, and the gradient norm if it is clipped.
        """
        config, seed = self.spec.config, self.spec.config.training.seed
        self.compile()
        generator = generator_for(seed, "step", step, device=self.device)
        x0, augment_labels = self._augment(images, step)  # line 2                     [N, C, H, W]
        t = draw_times(config.diffusion.time_sampling, self.schedule, len(x0), generator)  # 3  [N]
        noise = draw_noise(
            x0,
            generator,
            candidates=config.diffusion.noise_candidates,
            assigned=config.diffusion.noise_assignment,
            offset=config.diffusion.offset_noise,
        )  # 4    [N, C, H, W]
        labels = self._drop_labels(labels, generator)  #                                        [N]
        batch = NoisedBatch(x0, t, noise, labels, augment_labels)
        with self._dropout(step):
            losses, measured = self.learner.step(batch, self._step_loss(step), step)  # line 5  [N]
        return {**self.loss_summary(losses, t), **measured}

    def _dropout(self, step: int) -> contextlib.AbstractContextManager[None]:
        """Return the context in which each process drops activations of its own."""
        config = self.spec.config
        if not config.network.dropout:
            return contextlib.nullcontext()
        seed = derive_seed(config.training.seed, "dropout", step) + rank()
        return seeded_dropout(self.network, seed, self.device, compiled=self.compile().is_compiled)

    def _step_loss(self, step: int) -> Loss[NoisedBatch]:
        """Return the loss of a training step: on average every other one feeds back, if so configured."""
        config = self.spec.config
        coin = derive_seed(config.training.seed, "self-conditioning", step) % 2
        if config.network.self_conditioning and coin:
            return self._self_conditioned_loss
        return self._loss

    def _self_conditioned_loss(self, network: nn.Module, batch: NoisedBatch) -> Tensor:
        """Return the loss of a prediction that sees an earlier one (Chen et al. 2022, Algorithm 1)."""
        x_t = add_noise(self.schedule, batch.x0, batch.t, batch.noise)
        signal, sigma = self.schedule.at(batch.t, x_t)
        with torch.no_grad(), autocast(self.precision, self.device):
            x = self.objective.network_input(x_t, signal, sigma)
            output = network(x, batch.t, batch.labels, batch.augment_labels).float()
        if output.shape[1] > x_t.shape[1]:
            output, _ = split_variance(output)
        estimate = self.objective.to_x0(output, x_t, signal, sigma)
        return self._loss(network, batch, clip_static(estimate))

    def _loss(
        self, network: nn.Module, batch: NoisedBatch, estimate: Tensor | None = None
    ) -> Tensor:
        """Return the per-image loss [N] under `network` (Ho et al. 2020, Eq. 14).

        `estimate` [N, C, H, W] are clean images that a self-conditioned network sees.
        """
        diffusion = self.spec.config.diffusion

        def predict(x: Tensor, t: Tensor) -> Tensor:
            x = x if estimate is None else torch.cat([x, estimate], dim=1)
            with autocast(self.precision, self.device):
                output: Tensor = network(x, t, batch.labels, batch.augment_labels)
            return output.float()

        return training_loss(
            predict,
            self.schedule,
            self.objective,
            batch.x0,
            batch.t,
            batch.noise,
            weighting=diffusion.weighting,
            learned_variance=diffusion.learned_variance,
            huber=diffusion.huber,
            uncertainty=getattr(network, "uncertainty", None),
        )

    def _augment(self, images: Tensor, step: int) -> tuple[Tensor, Tensor | None]:
        """Return the images on the device, augmented if so configured, with their augment_labels."""
        data = self.spec.config.data
        if not data.augment:
            return to_device(images, self.device), None
        generator = generator_for(self.spec.config.training.seed, "transforms", step)
        where = images.device if self.device.type == "mps" else self.device  # mps: no bicubic
        pipe = AugmentPipe(data.augment, data.transforms)
        views, augment_labels = pipe(to_device(images, where), generator)
        return views.to(self.device), augment_labels.to(self.device)

    def _drop_labels(self, labels: Tensor | None, generator: Generator) -> Tensor | None:
        """Replace a share of labels [N] by "no label" (Ho & Salimans 2022, Algorithm 1, line 2)."""
        if labels is None or not self.spec.num_classes:
            return None
        uniform = torch.rand(
            labels.shape, generator=generator, device=self.device, dtype=torch.float32
        )
        is_dropped = uniform < self.spec.config.network.label_dropout
        return to_device(labels, self.device).masked_fill(is_dropped, self.spec.num_classes)

    def loss_summary(self, losses: Tensor, t: Tensor) -> Metrics:
        """Return the mean of losses [N], and the mean of each noise band.

        The least noisy band comes first; a band without images is nan.
        """
        band = t * NOISE_BANDS // len(self.schedule)
        total = losses.new_zeros(NOISE_BANDS).index_add_(0, band, losses)
        # bincount would make a graphics card wait for the highest band
        count = torch.zeros_like(total).index_add_(0, band, torch.ones_like(losses))
        return {"loss": losses.mean(), "loss_levels": total / count}

    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Metrics:
        """Return the loss of the averaged weights, with evenly spaced times and noise fixed by the seed."""
        return self.loss_summary(
            self.image_losses(images, labels), self._evenly_spaced_times(len(images))
        )

    @torch.no_grad()
    def image_losses(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Return the averaged weights' per-image loss [N].

        Batches of equal size share timesteps and noise.
        """
        if self.learner.sharded:
            return self.unsharded().image_losses(images, labels)
        training = self.spec.config.training
        x0, network = images.to(self.device), self.averaged.network
        generator = generator_for(training.seed, "heldout", device=self.device)
        noise = torch.randn(x0.shape, generator=generator, device=self.device, dtype=torch.float32)
        classes = labels.to(self.device) if labels is not None and self.spec.num_classes else None
        batch = NoisedBatch(x0, self._evenly_spaced_times(len(x0)), noise, classes)
        parts = list(batch.split(training.batch_size))
        losses = map_across_ranks(parts, lambda part: self._loss(network, part).cpu())
        return torch.cat(losses).to(self.device)

    def _evenly_spaced_times(self, count: int) -> Tensor:
        """Return `count` evenly spaced times of the schedule: the middles of equal strata."""
        middles = 2 * torch.arange(count, device=self.device) + 1
        return middles * len(self.schedule) // (2 * count)

    def compile(self) -> Compiled:
        """Compile the training network if the configuration asks for it. All processes must call it."""
        return self.learner.compile(self._zero_batch, self._loss)

    def _zero_batch(self) -> NoisedBatch:
        """Return a batch of zeros with the shapes of training batches."""
        count = self.spec.config.training.batch_size
        x = torch.zeros((count, *self.spec.image_shape), device=self.device, dtype=torch.float32)
        t = torch.zeros(count, dtype=torch.int64, device=self.device)
        labels = torch.zeros_like(t) if self.spec.num_classes else None
        augmented = self.spec.config.data.augment
        return NoisedBatch(
            x, t, x, labels, x.new_zeros((count, AUGMENT_LABELS)) if augmented else None
        )

    # State and descriptions

    def state(self) -> State:
        """Return `ema`, `weights`, `optimizer` and, if kept for `ddpm ema`, `posthoc`."""
        return self.learner.state()

    def averaged_weights(self) -> dict[str, Tensor]:
        """Return the weights that images are sampled with."""
        return self.learner.averaged_weights()

    def load_state(self, state: State) -> None:
        """Copy `state` into the model; `ema` or `weights` alone are used for both."""
        self.learner.load_state(state)

    def unsharded(self) -> Ddpm:
        """Return the model itself, or a model with the gathered averaged weights if it is sharded."""
        if not self.learner.sharded:
            return self
        config = self.spec.config
        one_network = replace(config, training=replace(config.training, ema=0.0))
        model = Ddpm(self.spec.with_config(one_network), self.device)
        model.spec = self.spec
        model.load_state({"ema": self.averaged_weights()})
        return model

    def set_total_steps(self, config: Config) -> None:
        """Set the configuration, whose total number of steps the learning rate depends on."""
        self.spec = self.spec.with_config(config)
        self.learner.config = config

    def parameter_counts(self) -> dict[str, int]:
        """Return the network's number of parameters."""
        return {"network": self.learner.parameter_count()}

    def outlines(self) -> dict[str, list[Row]]:
        """Return the network's layers."""
        return {"network": self.network.outline(self.spec.image_shape, self.device)}

    def describe(self) -> list[str]:
        """Return size, device, the schedule's terminal SNR, and warnings."""
        diffusion, compiled = self.spec.config.diffusion, self.compile()
        size, ratio = self.learner.parameter_count(), terminal_ratio(self.schedule)
        lines = [
            f"{size / 1e6:.2f} million parameters on {self.device}, {self.precision}"
            + (", compiled" if compiled.is_compiled else ""),
            f"{diffusion.schedule} schedule of {diffusion.num_steps} steps, terminal SNR {ratio**2:.1e}; "
            f"predicts {diffusion.objective}",
        ]
        lines += setup_warnings(self.spec, ratio, self.network.attention_sides)
        return [*lines, f"note: {compiled.note}"] if compiled.note else lines


def make_network(spec: ModelSpec) -> DenoisingNetwork:
    """Return the network of a configuration; its initial weights are drawn from the run's seed."""
    config, (channels, height, width) = spec.config, spec.image_shape
    kind = NETWORKS[config.network.kind]
    feeds_back = config.network.self_conditioning
    with Construction(generator_for(config.training.seed, "weights")):
        network = kind.make(
            channels * (2 if feeds_back else 1),
            channels * (2 if config.diffusion.learned_variance else 1),
            (height, width),
            num_classes=spec.num_classes,
            augment_labels=AUGMENT_LABELS if config.data.augment else 0,
            num_steps=config.diffusion.num_steps,
            **{name: getattr(config.network, name) for name in kind.settings},
        )
        network = SelfConditioned(network, channels) if feeds_back else network
        if config.diffusion.weighting == "learned":
            network.uncertainty = Uncertainty(config.diffusion.num_steps)
        return network
