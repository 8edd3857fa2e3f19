"""Sharpness: radial power spectrum, effective resolution, and detail."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ddpm.evaluation.color import luma

LAPLACIAN = torch.tensor(
    [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]], dtype=torch.float32, device="cpu"
)


def radial_power(images: Tensor) -> Tensor:
    """Return the mean spectral power of the brightness of images uint8 [N, C, H, W], float64 [N, R].

    Column r holds frequencies of r cycles across the shorter side (rounded), r = 0 … side / 2. The
    mean brightness is subtracted first.
    """
    height, width = images.shape[2:]
    side = min(height, width)
    rows = torch.fft.fftfreq(height, dtype=torch.float32, device="cpu")[:, None]
    columns = torch.fft.rfftfreq(width, dtype=torch.float32, device="cpu")[None, :]
    radius = ((rows.square() + columns.square()).sqrt() * side).round().long()
    inside = radius <= side // 2
    count = torch.bincount(radius[inside], minlength=side // 2 + 1)
    powers = []
    for part in torch.split(images, 1024):
        gray = luma(part)
        power = torch.fft.rfft2(gray - gray.mean(dim=(1, 2), keepdim=True)).abs().square()
        sums = torch.zeros(len(part), len(count), dtype=torch.float64, device="cpu")
        powers.append(sums.index_add_(1, radius[inside], power[:, inside].double()) / count)
    return torch.cat(powers)


def effective_resolution(power: Tensor, reference: Tensor, side: int) -> float:
    """Return the number of pixels across the shorter side that carry as much detail as real images.

    power, reference: mean `radial_power` [R]. The result is 2 pixels per cycle at the lowest
    frequency where the power falls below half the reference's (interpolated linearly), or `side`.
    """
    share = power[1:] / reference[1:].clamp_min(1e-12)  # without frequency 0
    below = (share < 0.5).nonzero()
    if not len(below):
        return float(side)
    r = int(below[0]) + 1
    if r == 1:
        return 2.0
    before, here = share[r - 2].item(), share[r - 1].item()
    return min(float(side), 2 * (r - 1 + (before - 0.5) / (before - here)))


def detail(images: Tensor) -> Tensor:
    """Return the mean squared 4-neighbor Laplacian of each of images uint8 [N, C, H, W], [N]."""
    weight = LAPLACIAN[None, None].double()
    parts = [
        F.conv2d(luma(part)[:, None], weight).square().mean(dim=(1, 2, 3))
        for part in torch.split(images, 1024)
    ]
    return torch.cat(parts)
