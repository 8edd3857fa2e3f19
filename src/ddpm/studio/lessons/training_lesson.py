"""One step of Algorithm 1 on one image: what the network is given, what it answers, and the loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ddpm.device import autocast
from ddpm.diffusion.objectives import WEIGHTINGS, split_variance, training_loss
from ddpm.diffusion.process import add_noise
from ddpm.models.base import DiffusionModel
from ddpm.randomness import ImageNoise
from ddpm.studio.lessons.forward_lesson import NOISE_SCALE, display_scale, level_numbers
from ddpm.studio.lessons.source_lines import source_line
from ddpm.studio.lessons.tensor_pictures import Pixel, tensor_panel


@torch.no_grad()
def training_step(
    model: DiffusionModel, x0: Tensor, label: int | None, t: int, seed: int, pixel: Pixel
) -> dict[str, Any]:
    """Return the tensors of one step of Algorithm 1 (Ho et al. 2020) for x0 [C, H, W] in [-1, 1].

    Uses the averaged network, without augmentation. `loss` is that of `training_loss` for this image.
    """
    schedule, objective = model.schedule, model.objective
    diffusion = model.spec.config.diffusion
    labels = None if label is None else torch.tensor([label], device=model.device)
    clean, times = x0[None].to(model.device), torch.tensor([t], device=model.device)
    noise = ImageNoise([seed], x0.shape, model.device)()
    x_t = add_noise(schedule, clean, times, noise)
    signal, sigma = schedule.at(times, clean)
    network_input = objective.network_input(x_t, signal, sigma)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        with autocast(model.precision, model.device):
            output: Tensor = model.averaged.network(x, t, labels)
        return output.float()

    output = predict(network_input, times)
    if diffusion.learned_variance:
        output, _ = split_variance(output)
    target = objective.target(clean, noise, signal, sigma)
    weight = WEIGHTINGS[diffusion.weighting](
        (signal / sigma).square(), objective.x0_scale(signal, sigma)
    )
    loss = training_loss(
        predict,
        schedule,
        objective,
        clean,
        times,
        noise,
        weighting=diffusion.weighting,
        learned_variance=diffusion.learned_variance,
    )
    tensors = {
        "x0": (clean, 1.0),
        "noise": (noise, NOISE_SCALE),
        "x_t": (x_t, display_scale(schedule, t)),
        "input": (network_input, NOISE_SCALE),
        "target": (target, NOISE_SCALE),
        "output": (output, NOISE_SCALE),
        "error": (target - output, 1.0),
        "x0_hat": (objective.to_x0(output, x_t, signal, sigma), 1.0),
    }
    return {
        **level_numbers(schedule, t),
        "objective": objective.name,
        "weighting": diffusion.weighting,
        "weight": float(weight),
        "squared_error": float((target - output).square().mean()),
        "loss": float(loss),
        "panels": {
            name: tensor_panel(tensor[0].cpu(), pixel, scale=scale)
            for name, (tensor, scale) in tensors.items()
        },
        "sources": {
            "x_t": source_line(training_loss, "x_t = signal * x0 + sigma * noise"),
            "output": source_line(training_loss, "output = predict("),
            "error": source_line(training_loss, "error = objective.target"),
            "loss": source_line(training_loss, "per_image = (weight"),
        },
    }
