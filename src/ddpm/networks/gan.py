"""The two networks of a DCGAN, for any image size (Radford et al. 2015, arXiv:1511.06434).

Strided convolutions of 4x4 only; batch normalization everywhere but at the image; ReLU and a final tanh
in the generator, LeakyReLU in the discriminator; initial weights from N(0, 0.02).
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STD = 0.02  # of the initial weights; section 4 of the paper
SLOPE = 0.2  # of LeakyReLU; section 4
MAX_BASE = 7  # shorter side of the smallest feature map, in pixels
MAX_WIDTH_FACTOR = 8  # width of the widest level over that of the level at the image


def halvings(size: tuple[int, int]) -> int:
    """Return the number of times a feature map is halved between the image and the base, at least 1.

    The shorter side of the base is 7 or less: 64 → 4 (base 4), 28 → 2 (base 7), 32 → 3 (base 4).
    """
    return next(n for n in itertools.count(1) if min(size) <= MAX_BASE * 2**n)


def map_sizes(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Return (H, W) of the generator's feature maps from the base up; the last is the uncropped image."""
    count = halvings(size)
    height, width = (math.ceil(side / 2**count) for side in size)
    return [(height * 2**level, width * 2**level) for level in range(count + 1)]


def level_widths(size: tuple[int, int], channels: int) -> list[int]:
    """Return the channels of each feature map from the image to the base: doubled up to 8 times the first."""
    return [channels * min(2**level, MAX_WIDTH_FACTOR) for level in range(halvings(size))]


class Generator(nn.Module):
    """Latents [N, latent] → images [N, image_channels, H, W] in (-1, 1).

    The base map is doubled `halvings` times, then cropped to H and W at the right and bottom.
    """

    def __init__(
        self, image_channels: int, size: tuple[int, int], *, latent: int = 100, channels: int = 64
    ) -> None:
        super().__init__()
        self.size = size
        widths = level_widths(size, channels)[::-1]
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent, widths[0], map_sizes(size)[0], bias=False)
        ]
        for width, out in itertools.pairwise([*widths, image_channels]):
            layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            layers.append(nn.ConvTranspose2d(width, out, 4, stride=2, padding=1, bias=False))
        self.layers = nn.Sequential(*layers, nn.Tanh())
        self.apply(_initialize)

    def forward(self, latents: Tensor) -> Tensor:
        images: Tensor = self.layers(latents[:, :, None, None])
        return images[..., : self.size[0], : self.size[1]]


class Discriminator(nn.Module):
    """Images [N, image_channels, H, W] → logits [N] of being real.

    Images are padded with gray at the right and bottom to a multiple of 2^halvings. Batch normalization
    always uses the statistics of the batch, so it keeps no running statistics.
    """

    def __init__(self, image_channels: int, size: tuple[int, int], *, channels: int = 64) -> None:
        super().__init__()
        self.multiple = 2 ** halvings(size)
        widths = level_widths(size, channels)
        layers: list[nn.Module] = []
        for level, (width, out) in enumerate(itertools.pairwise([image_channels, *widths])):
            layers.append(nn.Conv2d(width, out, 4, stride=2, padding=1, bias=False))
            if level:
                layers.append(nn.BatchNorm2d(out, track_running_stats=False))
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
        layers.append(nn.Conv2d(widths[-1], 1, map_sizes(size)[0], bias=False))
        self.layers = nn.Sequential(*layers)
        self.apply(_initialize)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        padded = F.pad(images, (0, -width % self.multiple, 0, -height % self.multiple))
        logits: Tensor = self.layers(padded)
        return logits.flatten()


@torch.no_grad()
def _initialize(layer: nn.Module) -> None:
    """Initialize convolutions from N(0, 0.02), normalization scales from N(1, 0.02) and shifts with 0."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        layer.weight.normal_(0, STD)
    elif isinstance(layer, nn.BatchNorm2d):
        layer.weight.normal_(1, STD)
        layer.bias.zero_()
