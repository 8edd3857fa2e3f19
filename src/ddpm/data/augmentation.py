"""Random augmentation of uint8 batches, a function of (seed, step) alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ddpm.data.transfer import to_device

_STREAM = 1  # separates these random numbers from those that shuffle the images


@dataclass(frozen=True)
class Augmentation:
    """Random changes applied to each training batch; none by default.

    `flip` mirrors left-right with probability 1/2. `shift` moves by up to this many pixels in each
    direction and repeats the edges. `crop` enlarges a window of at least 1 - crop of each side.
    """

    flip: bool = False
    shift: int = 0
    crop: float = 0.0

    def __call__(self, images: Tensor, seed: int, step: int) -> Tensor:
        """Return augmented images, uint8 [B, C, H, W]. Equal (seed, step) give equal results."""
        rng = np.random.default_rng((seed, step, _STREAM))
        if self.flip:
            images = _flip(images, rng)
        if self.shift:
            images = _shift(images, self.shift, rng)
        if self.crop:
            images = _crop(images, self.crop, rng)
        return images


def _flip(images: Tensor, rng: np.random.Generator) -> Tensor:
    mirrored = to_device(torch.from_numpy(rng.random(len(images)) < 0.5), images.device)
    return torch.where(mirrored[:, None, None, None], images.flip(-1), images)


def _shift(images: Tensor, max_shift: int, rng: np.random.Generator) -> Tensor:
    """Read pixel (y - dy, x - dx), clamped to the image so that edges repeat."""
    count, channels, height, width = images.shape
    device = images.device
    dy, dx = to_device(
        torch.from_numpy(rng.integers(-max_shift, max_shift + 1, size=(2, count))), device
    )
    y = (torch.arange(height, device=device) - dy[:, None]).clamp(0, height - 1)  # [B, H]
    x = (torch.arange(width, device=device) - dx[:, None]).clamp(0, width - 1)  # [B, W]
    image = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[None, :, None, None]
    return images[image, channel, y[:, None, :, None], x[:, None, None, :]]


def _crop(images: Tensor, crop: float, rng: np.random.Generator) -> Tensor:
    """Enlarge a random window of side s in [1 - crop, 1] bilinearly."""
    s = rng.uniform(1.0 - crop, 1.0, size=len(images))
    center = rng.uniform(-1.0, 1.0, size=(2, len(images))) * (1.0 - s)  # in grid_sample's [-1, 1]
    theta = np.zeros((len(images), 2, 3), dtype=np.float32)
    theta[:, 0, 0] = theta[:, 1, 1] = s
    theta[:, :, 2] = center.T
    windows = to_device(torch.from_numpy(theta), images.device)
    grid = F.affine_grid(windows, list(images.shape), align_corners=False)
    crops = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return crops.round().clamp(0, 255).to(torch.uint8)
