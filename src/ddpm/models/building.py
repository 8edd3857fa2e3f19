"""From a configuration to its U-Net."""

from __future__ import annotations

import torch

from ddpm.models.augment_pipe import AUGMENT_LABELS
from ddpm.models.spec import ModelSpec
from ddpm.networks.unet import UNet
from ddpm.randomness import derive_seed


def make_unet(spec: ModelSpec) -> UNet:
    """The U-Net of a configuration, its random start drawn from the run's seed."""
    network, diffusion = spec.config.network, spec.config.diffusion
    channels, height, width = spec.image_shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(spec.config.training.seed, "weights"))
        return UNet(
            channels,
            channels * (2 if diffusion.learned_variance else 1),
            (height, width),
            channels=network.channels,
            multipliers=network.multipliers,
            blocks=network.blocks,
            attention=network.attention,
            patch=network.patch,
            dropout=network.dropout,
            num_classes=spec.num_classes,
            told=AUGMENT_LABELS if spec.config.data.augment else 0,
            num_steps=diffusion.num_steps,
            time_embedding=network.time_embedding,
        )
