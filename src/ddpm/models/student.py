"""A few-step student of a diffusion model: one evaluation of its network does the work of several steps.

Its network is the teacher's, and begins with the teacher's weights; only what its answer means differs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from ddpm.config import Config, SamplerName, SamplingConfig, SpacingName
from ddpm.device import autocast
from ddpm.diffusion.distillation import (
    distillation_targets,
    jump,
    jump_boundaries,
    jump_loss,
    walk_steps,
)
from ddpm.diffusion.levels import Levels, noise_levels
from ddpm.diffusion.objectives import split_variance
from ddpm.diffusion.samplers import SamplerOptions, ddim, starting_noise
from ddpm.errors import RequestError
from ddpm.messages import Message, message, sentence
from ddpm.models.base import DiffusionModel, Frame, Losses
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.networks.outline import Row
from ddpm.optim.state import State
from ddpm.randomness import ImageNoise, generator_for

SOLVER: SamplerName = "unipc"  # that it walks with
SPACING: SpacingName = "trailing"  # even in t, noisiest first
HELDOUT_WALKS = 32  # fresh ones, that the held-out loss is taken on


class Points(NamedTuple):
    """States of the teacher's walks where jumps begin, and the image that DDIM is to be told there."""

    x: Tensor  # [N, C, H, W]
    t: Tensor  # [N]
    aim: Tensor  # [N, C, H, W]
    labels: Tensor | None  # [N]

    def split(self, size: int) -> Iterator[Points]:
        """Micro-batches of `size` points, the last one perhaps smaller."""
        for start in range(0, len(self.x), size):
            part = slice(start, start + size)
            labels = None if self.labels is None else self.labels[part]
            yield Points(self.x[part], self.t[part], self.aim[part], labels)


class Student:
    """Progressive distillation (Salimans & Ho 2022, arXiv:2202.00512) in one go, along the teacher's walks.

    The teacher's guidance is in its walks (Meng et al. 2023, arXiv:2210.03142), so the student draws
    guided images without asking twice. Of the images of a batch only the labels are used.
    """

    def __init__(self, spec: ModelSpec, device: torch.device | str = "cpu") -> None:
        self.spec = spec
        self.device = torch.device(device)
        self.ddpm = Ddpm(spec, device)  # whose network learns the jumps
        self.teacher: DiffusionModel | None = None  # needed for learning alone
        jumps = spec.config.student.evaluations
        steps = min(walk_steps(jumps), spec.config.diffusion.num_steps)
        self.walk: Levels = noise_levels(self.ddpm.schedule, steps, SPACING)
        self.jumps: Levels = jump(self.walk, jumps)

    def learn_from(self, teacher: DiffusionModel) -> None:
        """Take `teacher`, with its own settings of drawing; it is never changed."""
        self.teacher = teacher

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Losses:
        """Fresh walks of the teacher, and one step of the student towards making them in jumps."""
        ddpm, training = self.ddpm, self.spec.config.training
        generator = generator_for(training.seed, "step", step, device=self.device)
        points = self._points(max(1, len(images) // len(self.jumps)), labels, generator)
        ddpm.network.train()
        losses = []
        for part in points.split(math.ceil(len(points.x) / training.accumulate)):
            loss = self._loss(ddpm.network, part)
            (loss.sum() / len(points.x)).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        norm = ddpm.step_optimizer(step)
        return {**ddpm.summary(torch.cat(losses), points.t), **norm}

    @torch.no_grad()
    def _points(self, walks: int, labels: Tensor | None, generator: Generator) -> Points:
        """The beginnings of all jumps of `walks` walks; labels [≥ walks]."""
        noise = torch.randn(
            (walks, *self.spec.image_shape), generator=generator, device=self.device
        )
        told = (
            labels[:walks].to(self.device) if labels is not None and self.spec.num_classes else None
        )
        states = self._walked(noise, None if told is None else told.tolist())
        count = len(self.jumps)
        return Points(
            states[:-1].flatten(0, 1),
            self.jumps.t.to(self.device).repeat_interleave(walks),
            distillation_targets(self.jumps, states).flatten(0, 1),
            None if told is None else told.repeat(count),
        )

    def _walked(self, noise: Tensor, labels: list[int] | None) -> Tensor:
        """States of the teacher's way down, guided as it draws, at the ends of jumps [J + 1, N, C, H, W]."""
        if self.teacher is None:
            raise RequestError("A few-step student learns from a teacher: ddpm distill RUN.")
        own = self.teacher.spec.config.sampling
        settings = replace(own, sampler=SOLVER, steps=len(self.walk), spacing=SPACING)
        x = starting_noise(self.walk, lambda: noise)
        walk = self.teacher.frames(self.walk, x, lambda: torch.zeros_like(x), labels, settings)
        states = [frame.x for frame in walk]
        return torch.stack(
            [states[place] for place in jump_boundaries(len(self.walk), len(self.jumps))]
        )

    def _loss(self, network: nn.Module, points: Points) -> Tensor:
        """Each point's loss [N] under `network`."""
        ddpm = self.ddpm

        def predict(x: Tensor, t: Tensor) -> Tensor:
            with autocast(ddpm.precision, ddpm.device):
                output: Tensor = network(x, t, points.labels)
            learned = self.spec.config.diffusion.learned_variance
            return split_variance(output.float())[0] if learned else output.float()

        return jump_loss(predict, ddpm.schedule, ddpm.objective, points.x, points.t, points.aim)

    @torch.no_grad()
    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Losses:
        """The averaged weights' loss on walks that no step has seen, always the same."""
        generator = generator_for(self.spec.config.training.seed, "heldout", device=self.device)
        points = self._points(min(HELDOUT_WALKS, len(images)), labels, generator)
        return self.ddpm.summary(self._loss(self.ddpm.ema.network.eval(), points), points.t)

    def image_losses(self, images: Tensor, labels: Tensor | None) -> None:
        """None: what is learned are the teacher's walks, not images."""

    @torch.no_grad()
    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        """Draw `len(seeds)` images by DDIM, a jump a step, yielding after each; `settings` change nothing."""
        own = replace(
            settings, guidance=1.0, guide="", clip="none"
        )  # an aim may lie outside [-1, 1]
        noise = ImageNoise(seeds, self.spec.image_shape, self.device)
        x = starting_noise(self.jumps, noise)
        log_snr = (2 * self.jumps.half_log_snr).tolist()
        yield Frame(x, torch.zeros_like(x), log_snr[0], len(self.jumps))
        f = self.ddpm.denoiser(labels, own)
        for step in ddim(f, self.jumps, x, noise, SamplerOptions()):
            yield Frame(step.x, step.x0, log_snr[step.index], len(self.jumps) - step.index)

    def state(self) -> State:
        """The student's alone; the teacher never changes."""
        return self.ddpm.state()

    def averaged_weights(self) -> dict[str, Tensor]:
        """The U-Net that images are drawn with."""
        return self.ddpm.averaged_weights()

    def load_state(self, state: State) -> None:
        """Go on from a copy of `state`, or begin with a teacher's `ema`."""
        self.ddpm.load_state(state)

    def parameters(self) -> dict[str, int]:
        """The U-Net's size."""
        return self.ddpm.parameters()

    def outlines(self) -> dict[str, list[Row]]:
        """The U-Net's layers."""
        return self.ddpm.outlines()

    def drawing(self, settings: SamplingConfig) -> Message:
        """Return the student's evaluations of an image: `student, 4 evaluations`."""
        count = len(self.jumps)
        return message("student", count=count) if count > 1 else message("student_once")

    def describe(self) -> list[str]:
        """Size, device, and the walks that are learned."""
        size = self.parameters()["network"]
        lines = [f"{size / 1e6:.2f} million parameters on {self.device}, {self.ddpm.precision}"]
        if self.teacher is not None:
            own = self.teacher.spec.config.sampling
            walk = replace(own, sampler=SOLVER, steps=len(self.walk))
            how = sentence(self.teacher.drawing(walk))
            lines.append(f"learns to walk as its teacher ({how}) in jumps: {len(self.jumps)}")
        return lines

    def set_total(self, config: Config) -> None:
        """Take over the run's total; the learning rate follows it."""
        self.ddpm.set_total(config)
        self.spec = self.ddpm.spec
