"""The networks of a model as rows to be drawn, whatever its family."""

from __future__ import annotations

from typing import Any

import torch

from ddpm.models.base import GenerativeModel
from ddpm.models.dcgan import Dcgan
from ddpm.models.ddpm import Ddpm
from ddpm.models.student import Student
from ddpm.networks.outline import outline

_BATCH = 2  # normalization over a batch needs more than one


def outlines(model: GenerativeModel) -> dict[str, list[dict[str, Any]]]:
    """Rows of `networks.outline` by the name of the network; none for a family not known here."""
    images = torch.zeros(_BATCH, *model.spec.image_shape)
    if isinstance(model, Student):
        model = model.ddpm
    if isinstance(model, Ddpm):
        times = torch.zeros(_BATCH, dtype=torch.int64, device=model.device)
        return {"network": outline(model.network, images.to(model.device), times)}
    if isinstance(model, Dcgan):
        latents = torch.zeros(_BATCH, model.spec.config.gan.latent, device=model.device)
        return {
            "generator": outline(model.generator, latents),
            "discriminator": outline(model.discriminator, images.to(model.device)),
        }
    return {}
