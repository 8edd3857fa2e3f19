"""Degradations of known strength: blur, noise, mode collapse, class imbalance, dimming and fading.

`metrics.METRICS` names the degradations that each metric must detect.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def blur(x: Tensor, sigma: float) -> Tensor:
    """Blur x [N, C, H, W] by a Gaussian of `sigma` pixels; edges are repeated."""
    reach = min(math.ceil(3 * sigma), min(x.shape[2:]) - 1)
    at = torch.arange(-reach, reach + 1, dtype=x.dtype, device="cpu")
    weight = torch.exp(-at.square() / (2 * sigma**2))
    weight = (weight / weight.sum()).expand(x.shape[1], 1, -1)
    padded = F.pad(x, [reach] * 4, mode="replicate")
    rows = F.conv2d(padded, weight[:, :, :, None], groups=x.shape[1])
    return F.conv2d(rows, weight[:, :, None, :], groups=x.shape[1])


def add_noise(x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise of standard deviation `sigma` to x [N, C, H, W] in [0, 1], and clip."""
    return (
        x + sigma * torch.randn(x.shape, generator=generator, dtype=torch.float32, device="cpu")
    ).clamp(0, 1)


def degrade_batch(x: Tensor, generator: torch.Generator) -> Tensor:
    """Blur the first half of a batch and add noise to the other half; [N, C, H, W] in [0, 1]."""
    strength = torch.rand(1, generator=generator, dtype=torch.float32, device="cpu").item()
    half = len(x) // 2
    noisy = add_noise(x[half:], 0.05 + 0.15 * strength, generator)
    return torch.cat([blur(x[:half], 0.5 + 1.5 * strength), noisy])


def _blurred(images: Tensor) -> list[Tensor]:
    return [_to_bytes(blur(images.float() / 255, sigma)) for sigma in (0.8, 1.6)]


def _noisy(images: Tensor) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = images.float() / 255
    return [_to_bytes(add_noise(x, sigma, generator)) for sigma in (0.1, 0.25)]


def _collapsed(images: Tensor) -> list[Tensor]:
    """Repeat a few images: 5 % of them, then 2."""
    index = torch.arange(len(images), device="cpu")
    return [images[index % kinds] for kinds in (max(4, len(images) // 20), 2)]


def _imbalanced(images: Tensor) -> list[Tensor]:
    """Repeat one half, then one fifth, of the images along their first principal direction."""
    order, index = _principal_coordinate(images).argsort(), torch.arange(len(images), device="cpu")
    return [images[order[index % count]] for count in (len(images) // 2, len(images) // 5)]


def _dimmed(images: Tensor) -> list[Tensor]:
    return [(images * factor).byte() for factor in (0.75, 0.5)]


def _faded(images: Tensor) -> list[Tensor]:
    """Mix each color image with its gray one."""
    gray = images.float().mean(dim=1, keepdim=True)
    return [(images * share + gray * (1 - share)).byte() for share in (0.75, 0.5)]


# From images uint8 [N, C, H, W] to two degraded sets of them: mild, then strong.
DEGRADATIONS: dict[str, Callable[[Tensor], list[Tensor]]] = {
    "blur": _blurred,
    "noise": _noisy,
    "collapse": _collapsed,
    "imbalance": _imbalanced,
    "dimming": _dimmed,
    "fading": _faded,
}


def _principal_coordinate(images: Tensor) -> Tensor:
    """Return each image's coordinate along the first principal component of 8x8 thumbnails, [N]."""
    vectors = F.adaptive_avg_pool2d(images.float() / 255, 8).flatten(1)
    centered = vectors - vectors.mean(dim=0)
    direction = torch.linalg.eigh(centered.T @ centered).eigenvectors[:, -1]
    coordinate: Tensor = centered @ direction
    return coordinate


def _to_bytes(x: Tensor) -> Tensor:
    return (x * 255).round().clamp(0, 255).byte()
