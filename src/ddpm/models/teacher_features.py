"""Features of images: activations of a diffusion model's network, which has learned their distribution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ddpm.device import autocast
from ddpm.diffusion.process import add_noise
from ddpm.errors import RequestError
from ddpm.models.base import DiffusionModel
from ddpm.networks.denoising_network import DenoisingNetwork


def teacher_features(
    teacher: DiffusionModel, images: Tensor, t: Tensor, noise: Tensor, labels: Tensor | None
) -> list[Tensor]:
    """Return features [S, N, D] of images [N, C, H, W], noised to times t [N] for the teacher's network.

    Of the output of each block: the whole map (S = 1), the mean and the standard deviation of each channel,
    and at the lowest resolution also each position (S = H W). Gradients flow to the images.
    """
    network, objective = teacher.averaged
    x = add_noise(teacher.schedule, images, t, noise)
    signal, sigma = teacher.schedule.at(t, x)
    outputs: list[Tensor] = []

    def keep(block: nn.Module, inputs: Any, output: Any) -> None:
        outputs.append(_positions(output[0] if isinstance(output, tuple) else output))

    hooks = [block.register_forward_hook(keep) for block in _blocks(network)]
    try:
        with autocast(teacher.precision, teacher.device):
            network(objective.network_input(x, signal, sigma), t, labels)
    finally:
        for hook in hooks:
            hook.remove()
    fewest = min(output.shape[1] for output in outputs)
    return [part for output in outputs for part in _parts(output, output.shape[1] == fewest)]


def has_blocks(teacher: DiffusionModel) -> bool:
    """Return whether the teacher's network has blocks to compare images by."""
    return bool(_blocks(teacher.averaged.network))


def check_blocks(teacher: DiffusionModel) -> None:
    """Raise RequestError if the teacher's network has no blocks to compare images by."""
    if not has_blocks(teacher):
        raise RequestError(
            "The teacher's network has no blocks to compare images by; use --set student.drift=0."
        )


def _blocks(network: nn.Module) -> list[nn.Module]:
    return list(network.stages()) if isinstance(network, DenoisingNetwork) else []


def _positions(output: Tensor) -> Tensor:
    """Return the output of a block as float32 [N, positions, channels]: a map [N, C, H, W], or tokens."""
    return (output.flatten(2).transpose(1, 2) if output.dim() == 4 else output).float()


def _parts(output: Tensor, with_positions: bool) -> list[Tensor]:
    """Return the features [S, N, D] of the output [N, positions, channels] of one block."""
    variance, mean = torch.var_mean(output, dim=1, correction=0)
    deviation = (variance + 1e-12).sqrt()  # a gradient also where a channel is constant
    parts = [output.flatten(1)[None], mean[None], deviation[None]]
    return [*parts, output.transpose(0, 1)] if with_positions else parts
