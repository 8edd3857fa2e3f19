"""Sharpness a person understands: the effective resolution, and the detail against the data's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ddpm.evaluation.color import luma

LAPLACIAN = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


def radial_power(images: Tensor) -> Tensor:
    """uint8 [N, C, H, W] to the mean power of each image's brightness at each frequency, [N, R].

    Column r holds frequencies of r cycles across the shorter side (rounded), r = 0 … half of it;
    float64. The image's mean is removed first.
    """
    height, width = images.shape[2:]
    side = min(height, width)
    rows = torch.fft.fftfreq(height)[:, None]
    columns = torch.fft.rfftfreq(width)[None, :]
    radius = ((rows.square() + columns.square()).sqrt() * side).round().long()
    kept = radius <= side // 2
    count = torch.bincount(radius[kept], minlength=side // 2 + 1)
    powers = []
    for part in torch.split(images, 1024):
        gray = luma(part)
        power = torch.fft.rfft2(gray - gray.mean(dim=(1, 2), keepdim=True)).abs().square()
        sums = torch.zeros(len(part), len(count), dtype=torch.float64)
        powers.append(sums.index_add_(1, radius[kept], power[:, kept].double()) / count)
    return torch.cat(powers)


def effective_resolution(power: Tensor, reference: Tensor, side: int) -> float:
    """Pixels across the shorter side that carry real detail, from mean powers [R].

    Two pixels a cycle of the lowest frequency at which the power (`radial_power`) falls below half
    the reference's, linear between frequencies; the whole side where it never does.
    """
    share = power[1:] / reference[1:].clamp_min(1e-12)  # without the mean
    below = (share < 0.5).nonzero()
    if not len(below):
        return float(side)
    r = int(below[0]) + 1
    if r == 1:
        return 2.0
    before, here = share[r - 2].item(), share[r - 1].item()
    return min(float(side), 2 * (r - 1 + (before - 0.5) / (before - here)))


def detail(images: Tensor) -> Tensor:
    """uint8 [N, C, H, W] to each image's mean squared 4-neighbor Laplacian, [N]."""
    weight = LAPLACIAN[None, None].double()
    parts = [
        F.conv2d(luma(part)[:, None], weight).square().mean(dim=(1, 2, 3))
        for part in torch.split(images, 1024)
    ]
    return torch.cat(parts)
