"""Brightness, contrast and colorfulness of each image, in gray levels of 255."""

from __future__ import annotations

import torch
from torch import Tensor

LUMA = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64, device="cpu")  # ITU-R BT.601


def luma(images: Tensor) -> Tensor:
    """Return the brightness (0 to 255) of images uint8 [N, C, H, W], C 1 or 3, as float64 [N, H, W]."""
    if images.shape[1] == 1:
        return images[:, 0].double()
    return torch.einsum("nchw,c->nhw", images.double(), LUMA)


def brightness(images: Tensor) -> Tensor:
    """Return the mean brightness of each image, [N]."""
    return torch.cat([luma(part).mean(dim=(1, 2)) for part in torch.split(images, 1024)])


def contrast(images: Tensor) -> Tensor:
    """Return the standard deviation of the brightness within each image, [N]."""
    return torch.cat(
        [luma(part).flatten(1).std(dim=1, correction=0) for part in torch.split(images, 1024)]
    )


def colorfulness(images: Tensor) -> Tensor:
    """Return the colorfulness of each image (Hasler & Süsstrunk 2003, eq. 3), [N]: 0 gray, 80 vivid."""
    if images.shape[1] == 1:
        return torch.zeros(len(images), dtype=torch.float64, device="cpu")
    return torch.cat([_colorfulness(part) for part in torch.split(images, 1024)])


def _colorfulness(images: Tensor) -> Tensor:
    red, green, blue = images.double().flatten(2).unbind(dim=1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue], dim=1)  # [N, 2, HW]
    spread = opponents.var(dim=2, correction=0).sum(dim=1).sqrt()
    return spread + 0.3 * opponents.mean(dim=2).square().sum(dim=1).sqrt()
