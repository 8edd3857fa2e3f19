"""sampling.forward_process."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ddpm.data.image_files import Images
from ddpm.data.mapped_array import MappedArray
from ddpm.data.pixels import to_model, to_uint8
from ddpm.diffusion.process import add_noise
from ddpm.diffusion.schedules import Schedule
from ddpm.randomness import ImageNoise

NOISE_PERCENTS = (0, 10, 25, 50, 75, 100)  # per cent of the process

MAX_EXAMPLES = 4  # images shown of a whole set


def forward_columns(shown: Images, schedule: Schedule, seed: int) -> list[tuple[str, Images]]:
    """`shown` (uint8 [N, C, H, W]) under growing noise: a share in words, and the images there.

    Where the noise outgrows the image (edm, up to 80 times), x_t is shown divided by sigma.
    """
    images = to_model(torch.from_numpy(shown))
    noise = ImageNoise(range(seed, seed + len(images)), images.shape[1:])()
    columns = []
    for share in NOISE_PERCENTS:
        t = torch.full((len(images),), round(share / 100 * (len(schedule) - 1)))
        outgrown = max(1.0, float(schedule.sigma[t[0]]))
        x_t = add_noise(schedule, images, t, noise) / outgrown if share else images
        columns.append((f"{share} %", to_uint8(x_t).numpy()))
    return columns


def example_images(items: NDArray[Any] | MappedArray) -> NDArray[Any]:
    """A few of the items of an array, evenly spread over it."""
    chosen = np.linspace(0, len(items) - 1, min(MAX_EXAMPLES, len(items)))
    return np.array(items[chosen.round().astype(int)])
