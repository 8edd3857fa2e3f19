"""Sampling of few-step students: their levels, and one evaluation of the network for each jump."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from ddpm.config import SamplingConfig
from ddpm.diffusion.distillation import jump_levels, teacher_steps
from ddpm.diffusion.levels import Levels, noise_levels
from ddpm.diffusion.samplers import SamplerOptions, SamplingLoop, ddim, lcm, starting_noise
from ddpm.diffusion.schedules import Schedule
from ddpm.messages import Message, message
from ddpm.models.base import Frame
from ddpm.models.reverse_process import ReverseProcess
from ddpm.models.spec import ModelSpec
from ddpm.randomness import ImageNoise


def teacher_levels(spec: ModelSpec, schedule: Schedule) -> Levels:
    """Return the levels of the teacher's trajectories that a student with `spec` learns."""
    student = spec.config.student
    steps = min(teacher_steps(student.evaluations), spec.config.diffusion.num_steps)
    return noise_levels(schedule, steps, student.spacing)


def student_levels(spec: ModelSpec, schedule: Schedule) -> Levels:
    """Return the levels of a student with `spec`: the start of each jump, then the clean level."""
    return jump_levels(teacher_levels(spec, schedule), spec.config.student.evaluations)


def learns_images(spec: ModelSpec) -> bool:
    """Return whether a student is a consistency function: each output is an image, not the end of a jump."""
    return spec.config.student.target == "image"


def jump_sampler(spec: ModelSpec) -> SamplingLoop:
    """Return the sampler of a student: multistep consistency sampling for images, DDIM for jumps."""
    return lcm if learns_images(spec) else ddim


def student_settings(settings: SamplingConfig) -> SamplingConfig:
    """Return `settings` as a student's denoiser uses them: without guidance and clipping.

    Its outputs are guided already, and the target of a jump may lie outside [-1, 1].
    """
    return replace(settings, guidance=1.0, guide="", classifier_guidance=0.0, clip="none")


class FewStepSampling:
    """Sampling of a student, for a class with a denoiser `ddpm` and its levels `jumps`."""

    spec: ModelSpec
    ddpm: ReverseProcess  # its network makes the jumps
    jumps: Levels
    device: torch.device

    @torch.no_grad()
    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        """Sample one image per seed, by DDIM or LCM, one jump per step. `settings` are ignored."""
        noise = ImageNoise(seeds, self.spec.image_shape, self.device)
        x = starting_noise(self.jumps, noise)
        log_snr = (2 * self.jumps.half_log_snr).tolist()
        yield Frame(x, torch.zeros_like(x), log_snr[0], len(self.jumps))
        denoise = self.ddpm.denoiser(labels, student_settings(settings))
        for step in jump_sampler(self.spec)(denoise, self.jumps, x, noise, SamplerOptions()):
            yield Frame(step.x, step.x0, log_snr[step.index], len(self.jumps) - step.index)

    def describe_sampling(self, settings: SamplingConfig) -> Message:
        """Return a short description of sampling: `student, 4 evaluations`."""
        count = len(self.jumps)
        return message("student", count=count) if count > 1 else message("student_once")
