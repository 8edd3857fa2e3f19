"""A few-step student: one evaluation of its network does the work of several steps of its teacher.

The network is the teacher's, initialized with the teacher's weights; only the meaning of its output differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor, nn

from ddpm.config import Config, SamplerName, SamplingConfig
from ddpm.device import autocast
from ddpm.diffusion.distillation import (
    consistency_targets,
    distillation_targets,
    jump_boundaries,
    jump_loss,
    predicted_image,
)
from ddpm.diffusion.levels import Levels
from ddpm.diffusion.objectives import split_variance
from ddpm.diffusion.samplers import SamplerOptions, starting_noise
from ddpm.errors import RequestError
from ddpm.messages import sentence
from ddpm.models.base import DiffusionModel, Metrics
from ddpm.models.ddpm import Ddpm
from ddpm.models.few_step_sampling import (
    FewStepSampling,
    jump_sampler,
    learns_images,
    student_levels,
    student_settings,
    teacher_levels,
)
from ddpm.models.image_drift import class_groups, image_drifting_loss
from ddpm.models.spec import ModelSpec, check_spec
from ddpm.models.student_cost import DRIFT_BATCHES, jump_step_cost, mean_step_cost
from ddpm.models.teacher_features import check_blocks
from ddpm.networks.outline import Row
from ddpm.optim.learner import TensorBatch
from ddpm.optim.state import State
from ddpm.randomness import generator_for

Predict = Callable[[Tensor, Tensor], Tensor]  # (network input [N, C, H, W], t [N]) → output

TEACHER_SAMPLER: SamplerName = "unipc"
HELDOUT_TRAJECTORIES = 32  # of the teacher, for the held-out loss


@dataclass(frozen=True)
class JumpBatch(TensorBatch):
    """States of the teacher's trajectories at which jumps begin, and what DDIM needs to jump."""

    x: Tensor  # [N, C, H, W]
    t: Tensor  # [N]
    target: Tensor  # clean images that DDIM needs to reach the next state  [N, C, H, W]
    labels: Tensor | None  # [N]


class Student(FewStepSampling):
    """Progressive distillation (Salimans & Ho 2022, arXiv:2202.00512) in one round, without halving.

    The teacher's trajectories are guided (Meng et al. 2023, arXiv:2210.03142), so the student samples guided
    images with one evaluation per step. Of a training batch it uses only the labels.

    With `student.drift`, the last steps improve the last jump by drifting (see `diffusion/drifting.py`): its
    images move toward the real images of the batch, as the teacher's network sees both.
    """

    def __init__(self, spec: ModelSpec, device: torch.device | str = "cpu") -> None:
        check_spec(spec)
        self.spec = spec
        self.device = torch.device(device)
        self.ddpm: Ddpm = Ddpm(spec, device)  # its network learns the jumps
        self.teacher: DiffusionModel | None = None  # only training needs it
        self.teacher_levels: Levels = teacher_levels(spec, self.ddpm.schedule)
        self.jumps: Levels = student_levels(spec, self.ddpm.schedule)

    def set_teacher(self, teacher: DiffusionModel) -> None:
        """Set the teacher, which samples with its own settings and is never changed."""
        if self.spec.config.student.drift:
            check_blocks(teacher)
        self.teacher = teacher

    @property
    def mean_step_ratio(self) -> float:
        """The mean time of a step over that of a step that learns jumps, for the forecast."""
        config, student = self._known_teacher().spec.config, self.spec.config.student
        if student.drift == 1:
            return 1.0
        jump_step = jump_step_cost(config, student.evaluations)
        return mean_step_cost(config, student.evaluations, student.drift) / jump_step

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        """Sample new trajectories of the teacher, and take one step toward reproducing them in jumps."""
        config = self.spec.config
        generator = generator_for(config.training.seed, "step", step, device=self.device)
        if step > (1 - config.student.drift) * config.training.steps:
            return self._drift_step(images, labels, step, generator)
        states = len(images) // DRIFT_BATCHES if config.student.drift else len(images)
        batch = self._jump_batch(max(1, states // len(self.jumps)), labels, generator)
        losses, measured = self.ddpm.learner.step(batch, self._loss, step)
        return {**self.ddpm.loss_summary(losses, batch.t), **measured}

    @torch.no_grad()
    def _jump_batch(self, count: int, labels: Tensor | None, generator: Generator) -> JumpBatch:
        """Return the starting states of all jumps of `count` trajectories; labels [≥ count]."""
        shape = (count, *self.spec.image_shape)
        noise = torch.randn(shape, generator=generator, device=self.device, dtype=torch.float32)
        classes = None
        if labels is not None and self.spec.num_classes:
            classes = labels[:count].to(self.device)
        states = self._teacher_states(noise, None if classes is None else classes.tolist())
        return JumpBatch(
            states[:-1].flatten(0, 1),
            self.jumps.t.to(self.device).repeat_interleave(count),
            self._targets(states).flatten(0, 1),
            None if classes is None else classes.repeat(len(self.jumps)),
        )

    def _targets(self, states: Tensor) -> Tensor:
        """Return the images to learn, [J, N, C, H, W], from the teacher's states [J + 1, N, C, H, W]."""
        if learns_images(self.spec):
            return consistency_targets(states)
        return distillation_targets(self.jumps, states)

    def _teacher_states(self, noise: Tensor, labels: list[int] | None) -> Tensor:
        """Return the teacher's guided states at the ends of all jumps, [J + 1, N, C, H, W]."""
        teacher, levels = self._known_teacher(), self.teacher_levels
        settings = self._teacher_settings(teacher)
        x = starting_noise(levels, lambda: noise)
        frames = teacher.frames(levels, x, lambda: torch.zeros_like(x), labels, settings)
        states = [frame.x for frame in frames]
        return torch.stack([states[i] for i in jump_boundaries(levels, len(self.jumps))])

    def _known_teacher(self) -> DiffusionModel:
        if self.teacher is None:
            raise RequestError(
                "A few-step student needs a teacher; train it with ddpm distill RUN."
            )
        return self.teacher

    def _teacher_settings(self, teacher: DiffusionModel) -> SamplingConfig:
        return replace(
            teacher.spec.config.sampling,
            sampler=TEACHER_SAMPLER,
            steps=len(self.teacher_levels),
            spacing=self.spec.config.student.spacing,
        )

    def _loss(self, network: nn.Module, batch: JumpBatch) -> Tensor:
        """Return the loss [N] of every jump under `network`."""
        predict = self._predict_with(network, batch.labels)
        ddpm = self.ddpm
        return jump_loss(predict, ddpm.schedule, ddpm.objective, batch.x, batch.t, batch.target)

    def _predict_with(self, network: nn.Module, labels: Tensor | None) -> Predict:
        """Return (input, t) → the output of `network`, without the channels of a learned variance."""

        def predict(x: Tensor, t: Tensor) -> Tensor:
            with autocast(self.ddpm.precision, self.ddpm.device):
                output: Tensor = network(x, t, labels)
            learned = self.spec.config.diffusion.learned_variance
            return split_variance(output.float())[0] if learned else output.float()

        return predict

    def _drift_step(
        self, images: Tensor, labels: Tensor | None, step: int, generator: Generator
    ) -> Metrics:
        """Take one step that moves images of the last jump toward real ones [N, C, H, W] of their class.

        The jumps before the last are those of the averaged weights and get no gradient. The length
        of the field is reported as the loss, since scaling hides how far the images have to move.
        """
        classes = labels.to(self.device) if labels is not None and self.spec.num_classes else None
        real, groups = class_groups(images.to(self.device), classes)
        count = max(2, real.shape[1] // 2)  # generated images of each class
        given = None if groups is None else groups.repeat_interleave(count)
        x = self._last_state(count * len(real), given, generator)
        t = self.jumps.t[-1].to(self.device).expand(len(x))
        ddpm, teacher = self.ddpm, self._known_teacher()
        ddpm.network.train()
        predict = self._predict_with(ddpm.network, given)
        generated = predicted_image(predict, ddpm.schedule, ddpm.objective, x, t)
        by_class = generated.reshape(len(real), count, *self.spec.image_shape)
        drift = image_drifting_loss(teacher, by_class, real, groups, generator)
        measured = ddpm.learner.descend(drift.loss.mean(), step)
        return {**ddpm.loss_summary(drift.length.flatten(), t), **measured}

    @torch.no_grad()
    def _last_state(self, count: int, labels: Tensor | None, generator: Generator) -> Tensor:
        """Return the states [count, C, H, W] at which the last jump of `count` images begins."""

        def noise() -> Tensor:
            shape = (count, *self.spec.image_shape)
            return torch.randn(shape, generator=generator, device=self.device, dtype=torch.float32)

        x = starting_noise(self.jumps, noise)
        settings = student_settings(self.spec.config.sampling)
        denoise = self.ddpm.denoiser(None if labels is None else labels.tolist(), settings)
        sampler = jump_sampler(self.spec)(denoise, self.jumps, x, noise, SamplerOptions())
        for step in itertools.islice(sampler, len(self.jumps) - 1):
            x = step.x
        return x

    @torch.no_grad()
    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Metrics:
        """Return the averaged weights' loss on fixed trajectories that no training step uses."""
        generator = generator_for(self.spec.config.training.seed, "heldout", device=self.device)
        batch = self._jump_batch(min(HELDOUT_TRAJECTORIES, len(images)), labels, generator)
        losses = self._loss(self.ddpm.averaged.network, batch)
        return self.ddpm.loss_summary(losses, batch.t)

    def image_losses(self, images: Tensor, labels: Tensor | None) -> None:
        """Return None: the student learns from the teacher's trajectories, not from images."""

    def state(self) -> State:
        """Return the student's state; the teacher never changes."""
        return self.ddpm.state()

    def averaged_weights(self) -> dict[str, Tensor]:
        """Return the weights that images are sampled with."""
        return self.ddpm.averaged_weights()

    def load_state(self, state: State) -> None:
        """Copy `state` into the student; a teacher's `ema` alone initializes it."""
        self.ddpm.load_state(state)

    def set_total_steps(self, config: Config) -> None:
        """Set the configuration, whose total number of steps the learning rate depends on."""
        self.ddpm.set_total_steps(config)
        self.spec = self.ddpm.spec

    def parameter_counts(self) -> dict[str, int]:
        """Return the network's number of parameters."""
        return self.ddpm.parameter_counts()

    def outlines(self) -> dict[str, list[Row]]:
        """Return the network's layers."""
        return self.ddpm.outlines()

    def describe(self) -> list[str]:
        """Return size, device, and the teacher's trajectories that are learned."""
        size = self.parameter_counts()["network"]
        lines = [f"{size / 1e6:.2f} million parameters on {self.device}, {self.ddpm.precision}"]
        if self.teacher is not None:
            how = sentence(self.teacher.describe_sampling(self._teacher_settings(self.teacher)))
            lines.append(f"learns its teacher's trajectories ({how}) in {len(self.jumps)} jumps")
            drift = self.spec.config.student.drift
            if drift:
                lines.append(
                    f"compares its images with real ones in the last {drift:.0%} of the steps"
                )
        return lines
