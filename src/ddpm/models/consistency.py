"""A few-step student of a diffusion model: one evaluation goes all the way from noise to the image.

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
from ddpm.diffusion.consistency import (
    SUBSTEPS,
    TAUGHT,
    consistency_loss,
    multistep,
    taught,
    visited,
)
from ddpm.diffusion.levels import Levels, levels
from ddpm.diffusion.objectives import split_variance
from ddpm.diffusion.samplers import starting_noise
from ddpm.errors import RequestError
from ddpm.models.base import Frame, Losses, State
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.randomness import ImageNoise, generator_for

SOLVER: SamplerName = "dpm++2m"  # the teacher's way down
SPACING: SpacingName = "trailing"  # even in t, noisiest first
HELDOUT_PATHS = 32  # fresh paths that the held-out loss is taken on


class Points(NamedTuple):
    """Points of the teacher's paths, and where each path ends."""

    x: Tensor  # [N, C, H, W]
    t: Tensor  # [N]
    end: Tensor  # [N, C, H, W]
    labels: Tensor | None  # [N]

    def split(self, size: int) -> Iterator[Points]:
        """Micro-batches of `size` points, the last one perhaps smaller."""
        for start in range(0, len(self.x), size):
            part = slice(start, start + size)
            labels = None if self.labels is None else self.labels[part]
            yield Points(self.x[part], self.t[part], self.end[part], labels)


class Consistency:
    """Consistency distillation (Song et al. 2023, arXiv:2303.01469) along whole paths of the teacher.

    The teacher's guidance is walked into its paths (Meng et al. 2023, arXiv:2210.03142), so the student
    draws guided images without asking twice. Of the images of a batch only the labels are used.
    """

    def __init__(self, spec: ModelSpec, device: torch.device | str = "cpu") -> None:
        self.spec = spec
        self.device = torch.device(device)
        self.student = Ddpm(spec, device)  # its network is read as f(x_t, t)
        self.teacher: Ddpm | None = None  # needed for learning alone
        config = spec.config.diffusion
        path = min(TAUGHT * SUBSTEPS, config.num_steps)
        self.path: Levels = levels(self.student.schedule, path, SPACING)

    def learn_from(self, teacher: Ddpm) -> None:
        """Take `teacher`, with its own settings of drawing; it is never changed."""
        self.teacher = teacher

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Losses:
        """Fresh paths of the teacher, and one step of the student towards their ends."""
        student, training = self.student, self.spec.config.training
        generator = generator_for(training.seed, "step", step, device=self.device)
        points = self._points(max(1, len(images) // TAUGHT), labels, generator)
        student.network.train()
        losses = []
        for part in points.split(math.ceil(len(points.x) / training.accumulate)):
            loss = self._loss(student.network, part)
            (loss.sum() / len(points.x)).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        student.step_optimizer(step)
        return student.summary(torch.cat(losses), points.t)

    @torch.no_grad()
    def _points(self, paths: int, labels: Tensor | None, generator: Generator) -> Points:
        """The points of `paths` walks of the teacher at which f is learned; labels [≥ paths]."""
        x = torch.randn((paths, *self.spec.image_shape), generator=generator, device=self.device)
        told = (
            labels[:paths].to(self.device) if labels is not None and self.spec.num_classes else None
        )
        states = self._walk(x, None if told is None else told.tolist())  # noise to image
        places = taught(self.path)
        t = self.path.t[places].to(self.device).repeat_interleave(paths)
        ends = states[-1].repeat(len(places), 1, 1, 1)
        chosen = None if told is None else told.repeat(len(places))
        return Points(torch.cat([states[place] for place in places]), t, ends, chosen)

    def _walk(self, noise: Tensor, labels: list[int] | None) -> list[Tensor]:
        """The states of the teacher's deterministic way down, guided as it draws; no gradient."""
        if self.teacher is None:
            raise RequestError("A few-step student learns from a teacher: ddpm distill RUN.")
        own = self.teacher.spec.config.sampling
        settings = replace(own, sampler=SOLVER, steps=len(self.path), spacing=SPACING)
        x = starting_noise(self.path, lambda: noise)
        walk = self.teacher.frames(self.path, x, lambda: torch.zeros_like(x), labels, settings)
        return [frame.x for frame in walk]

    def _loss(self, network: nn.Module, points: Points) -> Tensor:
        """Each point's loss [N] under `network`."""
        student = self.student

        def predict(x: Tensor, t: Tensor) -> Tensor:
            with autocast(student.precision, student.device):
                output: Tensor = network(x, t, points.labels)
            learned = self.spec.config.diffusion.learned_variance
            return split_variance(output.float())[0] if learned else output.float()

        return consistency_loss(
            predict, student.schedule, student.objective, points.x, points.t, points.end
        )

    @torch.no_grad()
    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Losses:
        """The averaged weights' loss on paths that no step has walked, always the same."""
        generator = generator_for(self.spec.config.training.seed, "heldout", device=self.device)
        points = self._points(min(HELDOUT_PATHS, len(images)), labels, generator)
        return self.student.summary(self._loss(self.student.ema.network.eval(), points), points.t)

    def image_losses(self, images: Tensor, labels: Tensor | None) -> None:
        """None: what is learned are the teacher's paths, not images."""

    @torch.no_grad()
    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        """Draw `len(seeds)` images in at most TAUGHT evaluations each, yielding after every one."""
        steps = min(settings.steps, len(taught(self.path)))
        levels, noise = (
            visited(self.path, steps),
            ImageNoise(seeds, self.spec.image_shape, self.device),
        )
        f = self.student.denoiser(labels, replace(settings, guidance=1.0))
        x, log_snr = starting_noise(levels, noise), (2 * levels.half_log_snr).tolist()
        yield Frame(x, torch.zeros_like(x), log_snr[0], len(levels))
        for step in multistep(f, levels, x, noise):
            yield Frame(step.x, step.x0, log_snr[step.index], len(levels) - step.index)

    def state(self) -> State:
        """The student's alone; the teacher never changes."""
        return self.student.state()

    def averaged_weights(self) -> dict[str, Tensor]:
        """The U-Net that images are drawn with."""
        return self.student.averaged_weights()

    def load_state(self, state: State) -> None:
        """Go on from a copy of `state`, or begin with a teacher's `ema`."""
        self.student.load_state(state)

    def parameters(self) -> dict[str, int]:
        """The U-Net's size."""
        return self.student.parameters()

    def drawing(self, settings: SamplingConfig) -> str:
        """`consistency, 2 steps`."""
        return f"consistency, {settings.steps} step{'s' if settings.steps > 1 else ''}"

    def describe(self) -> list[str]:
        """Size, device, and the paths that are learned."""
        size, walk = self.parameters()["network"], len(self.path)
        lines = [f"{size / 1e6:.2f} million parameters on {self.device}, {self.student.precision}"]
        if self.teacher is not None:
            own = self.teacher.spec.config.sampling
            how = self.teacher.drawing(replace(own, sampler=SOLVER, steps=walk))
            lines.append(f"learns where the teacher's paths end ({how})")
        return lines

    def set_total(self, config: Config) -> None:
        """Take over the run's total; the learning rate follows it."""
        self.student.set_total(config)
        self.spec = self.student.spec
