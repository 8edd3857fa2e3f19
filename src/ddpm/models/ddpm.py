"""A denoising diffusion model: schedule, objective, U-Net, optimizer and moving average, bound together.

The one place where a configuration is unpacked into the plain arguments of `diffusion` and `networks`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ddpm.config import Config, SamplingConfig, TrainingConfig
from ddpm.data.transfer import to_device
from ddpm.device import autocast, resolve_precision
from ddpm.diffusion.guidance import CLIPS, guide, in_interval
from ddpm.diffusion.levels import Levels, noise_levels
from ddpm.diffusion.objectives import make_objective, split_variance, training_loss
from ddpm.diffusion.samplers import (
    SAMPLERS,
    Denoiser,
    Prediction,
    SamplerOptions,
    starting_noise,
)
from ddpm.diffusion.schedules import make_schedule
from ddpm.diffusion.timesteps import draw_times
from ddpm.distributed import map_across_ranks, raise_on_all_ranks, rank, rank_slice, world_size
from ddpm.errors import RequestError
from ddpm.messages import Message, message
from ddpm.models.augment_pipe import AUGMENT_LABELS, AugmentPipe
from ddpm.models.autoguidance import Guide, Guides
from ddpm.models.base import Frame, Losses
from ddpm.models.building import make_unet
from ddpm.models.drawn import NoisedBatch
from ddpm.models.setup_warnings import setup_warnings, signal_left
from ddpm.models.spec import ModelSpec
from ddpm.networks.outline import Row, outline
from ddpm.optim.compiling import Compiled, is_wanted, try_compiling
from ddpm.optim.ema import Ema
from ddpm.optim.optimizers import learning_rate, make_optimizer
from ddpm.optim.parallel import all_reduce_step
from ddpm.optim.posthoc_ema import PowerEma
from ddpm.optim.sharding import full_tensor, shard, shard_like
from ddpm.optim.state import State, full_state, load_optimizer_tensors, optimizer_tensors
from ddpm.randomness import ImageNoise, derive_seed, generator_for

NOISE_BANDS = 4  # the loss is also logged by quarter of the noise range


class Ddpm:
    """Ho et al. 2020, with the schedules, objectives and samplers that followed."""

    def __init__(
        self, spec: ModelSpec, device: torch.device | str = "cpu", *, in_parts: bool = False
    ) -> None:
        """Untrained, on `device`.

        With `in_parts` of several processes each holds a part of weights, gradients, moments and average
        there; whole they are made in the CPU's memory.
        """
        config = spec.config
        self.spec = spec
        self.device = torch.device(device)
        self.precision = resolve_precision(config.training.precision, self.device)
        self.schedule = make_schedule(config.diffusion.schedule, config.diffusion.num_steps)
        mean = torch.tensor(spec.data_mean).to(self.device)
        try:
            self.objective = make_objective(
                config.diffusion.objective, self.schedule, mean, spec.data_std
            )
        except ValueError as error:  # flat images, which only the data can tell
            raise RequestError(f"This model cannot be made: {error}.") from error
        where = "cpu" if in_parts else self.device
        self.network = make_unet(spec).to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = Ema(self.network, config.training.ema)
        self.guides = Guides()  # none, but for a model that was opened from its run
        self.sharded = in_parts
        if in_parts:
            shard(self.network, self.device)
            if self.ema.network is not self.network:
                shard(self.ema.network, self.device)

    @classmethod
    def sharded_over_processes(cls, spec: ModelSpec, device: torch.device | str) -> Ddpm:
        """Return a model of which each process holds a part on `device`."""
        return cls(spec, device, in_parts=True)

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """Made when training first asks for it: drawing need not wait for torch's compiler to load."""
        return make_optimizer(self.network.parameters(), self.training)

    @cached_property
    def compiled(self) -> Compiled:
        """What training steps call; made when training first asks, by all processes together."""
        if not is_wanted(self.spec.config, self.device, in_parts=self.sharded):
            return Compiled(self.network)
        self.network.train()
        return try_compiling(self.network, self._rehearse)

    @cached_property
    def power_ema(self) -> PowerEma | None:
        """The averages kept for `ddpm ema`; made, like the optimizer, when training first asks for them."""
        return PowerEma(self.network) if self.training.posthoc_ema else None

    def compile(self) -> Compiled:
        """Compile the training network if the configuration asks for it; all processes together."""
        return self.compiled

    def gathered(self) -> Ddpm:
        """Return the model itself, or one with the gathered averaged weights if it is sharded."""
        if not self.sharded:
            return self
        alone = replace(self.spec.config, training=replace(self.training, ema=0.0))
        model = Ddpm(self.spec.with_config(alone), self.device)  # of one network, the average
        model.spec = self.spec
        model.load_state({"ema": self.averaged_weights()})
        return model

    @property
    def training(self) -> TrainingConfig:
        """The configuration's section on training."""
        return self.spec.config.training

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Losses:
        """Algorithm 1 of Ho et al. 2020 on one batch; the loss and its mean by noise band."""
        config, training, network = self.spec.config, self.training, self.compiled.network
        generator = generator_for(training.seed, "step", step, device=self.device)
        x0, told = self._transform(images, step)  # line 2
        t = draw_times(config.diffusion.time_sampling, self.schedule, len(x0), generator)  # line 3
        noise = torch.randn(x0.shape, generator=generator, device=self.device)  # line 4
        drawn = NoisedBatch(x0, t, noise, self._hide_labels(labels, generator), told)
        if config.network.dropout:  # of several processes each drops other numbers
            torch.manual_seed(derive_seed(training.seed, "dropout", step) + rank())
        self.network.train()
        losses, own = [], drawn.part(rank_slice(len(x0)))
        whole_batch = (
            len(x0) / world_size() if self.sharded else len(x0)
        )  # FSDP averages what it gathers
        with (
            nullcontext() if self.sharded else raise_on_all_ranks()
        ):  # FSDP waits for the others inside
            for part in own.split(math.ceil(len(own.x0) / training.accumulate)):
                loss = self._loss(network, part)
                (loss.sum() / whole_batch).backward()  # type: ignore[no-untyped-call]
                losses.append(loss.detach())
        per_image = all_reduce_step(
            torch.cat(losses), len(x0), None if self.sharded else self.network
        )
        norm = self.step_optimizer(step)  # line 5
        return {**self.summary(per_image, t), **norm}

    def _rehearse(self, network: nn.Module) -> None:
        """This process's part of a step on empty images, forward and back; nothing is learned."""
        training = self.training
        own = rank_slice(training.batch_size)
        count = own.stop - own.start
        x = torch.zeros((count, *self.spec.image_shape), device=self.device)
        t = torch.zeros(count, dtype=torch.int64, device=self.device)
        labels = torch.zeros_like(t) if self.spec.num_classes else None
        told = x.new_zeros((count, AUGMENT_LABELS)) if self.spec.config.data.augment else None
        for part in NoisedBatch(x, t, x, labels, told).split(
            math.ceil(count / training.accumulate)
        ):
            self._loss(network, part).sum().backward()  # type: ignore[no-untyped-call]

    def _loss(self, network: nn.Module, drawn: NoisedBatch) -> Tensor:
        """Each image's loss [N] under `network`."""
        diffusion = self.spec.config.diffusion

        def predict(x: Tensor, t: Tensor) -> Tensor:
            with autocast(self.precision, self.device):
                output: Tensor = network(x, t, drawn.labels, drawn.told)
            return output.float()

        return training_loss(
            predict,
            self.schedule,
            self.objective,
            drawn.x0,
            drawn.t,
            drawn.noise,
            weighting=diffusion.weighting,
            learned_variance=diffusion.learned_variance,
        )

    def _transform(self, images: Tensor, step: int) -> tuple[Tensor, Tensor | None]:
        """The images on the device, and how each was transformed where the run augments so."""
        data = self.spec.config.data
        if not data.augment:
            return to_device(images, self.device), None
        generator = generator_for(self.training.seed, "transforms", step)
        where = images.device if self.device.type == "mps" else self.device  # mps knows no bicubic
        views, told = AugmentPipe(data.augment, data.transforms)(
            to_device(images, where), generator
        )
        return views.to(self.device), told.to(self.device)

    def step_optimizer(self, step: int) -> Losses:
        """Down the gradients that have gathered, at the rate of `step`; then the average.

        The gradient's norm before it is clipped (for the log; nothing waits for it), where it is.
        """
        norm, clip = {}, self.training.clip
        if clip:
            norm["gradient_norm"] = full_tensor(
                nn.utils.clip_grad_norm_(self.network.parameters(), clip)
            )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, self.training)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(step)
        if self.power_ema is not None:
            self.power_ema.update(step)
        return norm

    def _hide_labels(self, labels: Tensor | None, generator: torch.Generator) -> Tensor | None:
        """Labels with a share replaced by "no label" (Ho & Salimans 2022, Algorithm 1, line 2)."""
        if labels is None or not self.spec.num_classes:
            return None
        chance = torch.rand(labels.shape, generator=generator, device=self.device)
        hidden = chance < self.spec.config.network.label_dropout
        return to_device(labels, self.device).masked_fill(hidden, self.spec.num_classes)

    def summary(self, per_image: Tensor, t: Tensor) -> Losses:
        """The mean loss, and by quarter of the noise range, little noise first; nan where no t fell."""
        band = t * NOISE_BANDS // len(self.schedule)
        total = per_image.new_zeros(NOISE_BANDS).index_add_(0, band, per_image)
        # bincount would read the highest band back from a graphics card
        count = torch.zeros_like(total).index_add_(0, band, torch.ones_like(per_image))
        by_band = total / count
        return {"loss": per_image.mean(), "loss_levels": by_band}

    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Losses:
        """The averaged weights' loss with t evenly spaced over the images and noise fixed by the seed."""
        return self.summary(self.image_losses(images, labels), self._spread_times(len(images)))

    @torch.no_grad()
    def image_losses(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """The same of each image [N]; as many images get the same t and noise."""
        if self.sharded:
            return self.gathered().image_losses(images, labels)
        x0, network = images.to(self.device), self.ema.network.eval()
        generator = generator_for(self.training.seed, "heldout", device=self.device)
        noise = torch.randn(x0.shape, generator=generator, device=self.device)
        chosen = labels.to(self.device) if labels is not None and self.spec.num_classes else None
        drawn = NoisedBatch(x0, self._spread_times(len(x0)), noise, chosen)
        parts = list(drawn.split(self.training.batch_size))
        losses = map_across_ranks(parts, lambda part: self._loss(network, part).cpu())
        return torch.cat(losses).to(self.device)

    def _spread_times(self, count: int) -> Tensor:
        """The middles of `count` strata of the schedule."""
        places = 2 * torch.arange(count, device=self.device) + 1
        return places * len(self.schedule) // (2 * count)

    @property
    def averaged(self) -> Guide:
        """What images are drawn with; to another model it can be a guide."""
        return Guide(self.ema.network.eval(), self.objective)

    def guide(self, name: str) -> Guide:
        """What `sampling.guide=name` leads away from; RequestError where there is none such."""
        return self.guides.guide(name, self.averaged)

    def denoiser(self, labels: Sequence[int] | None, settings: SamplingConfig) -> Denoiser:
        """(x_t, t) → the predicted clean image, guided and clipped as `settings` say."""
        own, clip = self.averaged, CLIPS[settings.clip]
        chosen = None if labels is None else torch.tensor(labels, device=self.device)
        worse, hidden = own, None  # guidance leads away from the same network without labels,
        if settings.autoguided:  # or from a worse one with them (see models/autoguidance.py)
            worse, hidden = self.guide(settings.guide), chosen
        guided = settings.guidance != 1 and (settings.autoguided or chosen is not None)

        def predict(asked: Guide, x: Tensor, t: Tensor, labels: Tensor | None) -> Prediction:
            signal, sigma = self.schedule.at(t, x)
            with autocast(self.precision, self.device):
                output = asked.network(asked.objective.network_input(x, signal, sigma), t, labels)
            output, variance = output.float(), None
            if output.shape[1] > x.shape[1]:  # learned variances stand beside
                output, variance = split_variance(output)
            return Prediction(asked.objective.to_x0(output, x, signal, sigma), variance)

        def denoise(x: Tensor, t: Tensor) -> Prediction:
            found = predict(own, x, t, chosen)
            if guided and in_interval(int(t[0]), len(self.schedule), settings.guidance_interval):
                away = predict(worse, x, t, hidden).x0
                found = found._replace(x0=guide(found.x0, away, settings.guidance))
            return found._replace(x0=clip(found.x0))

        return denoise

    def levels(self, settings: SamplingConfig, start: int | None = None) -> Levels:
        """The noise levels that `settings` visits, from the top or from table index `start`."""
        return noise_levels(self.schedule, settings.steps, settings.spacing, start=start)

    @torch.no_grad()
    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        """Draw `len(seeds)` images with the averaged weights, yielding every level."""
        noise = ImageNoise(seeds, self.spec.image_shape, self.device)
        visited = self.levels(settings)
        x = starting_noise(visited, noise)
        yield from self.frames(visited, x, noise, labels, settings)

    @torch.no_grad()
    def frames(
        self,
        visited: Levels,
        x: Tensor,
        noise: Callable[[], Tensor],
        labels: Sequence[int] | None,
        settings: SamplingConfig,
    ) -> Iterator[Frame]:
        """The reverse process from `x` at the first of the levels `visited` down to the clean image."""
        options = SamplerOptions(settings.eta, settings.churn, settings.variance)
        denoise = self.denoiser(labels, settings)
        log_snr = (2 * visited.half_log_snr).tolist()
        yield Frame(x, torch.zeros_like(x), log_snr[0], len(visited))
        for step in SAMPLERS[settings.sampler](denoise, visited, x, noise, options):
            yield Frame(step.x, step.x0, log_snr[step.index], len(visited) - step.index)

    def state(self) -> State:
        """Weights under `ema` and `weights`, the optimizer's moments, and what `ddpm ema` needs."""
        state: State = {
            "ema": dict(self.ema.network.state_dict()),
            "weights": dict(self.network.state_dict()),
            "optimizer": optimizer_tensors(self.optimizer),
        }
        if self.power_ema is not None:
            state["posthoc"] = self.power_ema.state()
        return full_state(state) if self.sharded else state

    def averaged_weights(self) -> dict[str, Tensor]:
        """The U-Net that images are drawn with."""
        averaged = dict(self.ema.network.state_dict())
        return full_state({"ema": averaged})["ema"] if self.sharded else averaged

    def load_state(self, state: State) -> None:
        """Go on from a copy of `state`; `ema` or `weights` alone serve for both."""
        weights = state.get("weights", state.get("ema", {}))
        for network, tensors in (
            (self.network, weights),
            (self.ema.network, state.get("ema", weights)),
        ):
            network.load_state_dict(shard_like(tensors, network))
        self.network.zero_grad(set_to_none=True)  # of a step that was cut short
        if "optimizer" in state:
            load_optimizer_tensors(self.optimizer, state["optimizer"])
        if "posthoc" in state and self.power_ema is not None:
            self.power_ema.load(state["posthoc"])

    def parameters(self) -> dict[str, int]:
        """The U-Net's size."""
        return {"network": sum(parameter.numel() for parameter in self.network.parameters())}

    def outlines(self) -> dict[str, list[Row]]:
        """The U-Net's layers."""
        images = torch.zeros(1, *self.spec.image_shape, device=self.device)
        times = torch.zeros(1, dtype=torch.int64, device=self.device)
        return {"network": outline(self.network, images, times)}

    def drawing(self, settings: SamplingConfig) -> Message:
        """Return how `settings` make an image: `dpm++2m, 20 steps`, with guidance where there is some."""
        values: dict[str, Any] = {"sampler": settings.sampler, "steps": settings.steps}
        if not self.is_guided(settings):
            return message("sampler", **values)
        values["guidance"] = settings.guidance
        if not settings.autoguided:
            return message("sampler_guided", **values)
        return message("sampler_autoguided", **values, guide=settings.guide)

    def is_guided(self, settings: SamplingConfig) -> bool:
        """Whether the network, or an earlier one, is asked twice a step."""
        return settings.guidance != 1 and (settings.autoguided or self.spec.num_classes > 0)

    def describe(self) -> list[str]:
        """Size, device, and how much of the image the last noise level leaves."""
        diffusion = self.spec.config.diffusion
        size = self.parameters()["network"]
        left = signal_left(self.schedule)
        compiled = ", compiled" if self.compiled.on else ""
        lines = [
            f"{size / 1e6:.2f} million parameters on {self.device}, {self.precision}{compiled}",
            f"{diffusion.schedule} schedule of {diffusion.num_steps} steps, terminal SNR {left**2:.1e}; "
            f"predicts {diffusion.objective}",
        ]
        lines += setup_warnings(self.spec, left, self.network.sides)
        if self.compiled.words:
            lines.append(f"note: {self.compiled.words}")
        return lines

    def set_total(self, config: Config) -> None:
        """Take over the run's total; the learning rate follows it."""
        self.spec = self.spec.with_config(config)
