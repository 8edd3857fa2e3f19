"""Images under growing noise: the forward process as columns of a strip."""

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

NOISE_PERCENTS = (0, 10, 25, 50, 75, 100)  # of the schedule, one column each
MAX_EXAMPLES = 4  # images shown of a data set


def forward_columns(images: Images, schedule: Schedule, seed: int) -> list[tuple[str, Images]]:
    """Return (title, noisy images) for each of `NOISE_PERCENTS`; all images uint8 [N, C, H, W].

    Image i takes its noise from seed `seed + i`. Where sigma exceeds 1 (schedule `edm`, up to 80), x_t is
    divided by sigma to stay visible.
    """
    x0 = to_model(torch.from_numpy(images))
    noise = ImageNoise(range(seed, seed + len(x0)), x0.shape[1:])()
    columns = []
    for percent in NOISE_PERCENTS:
        t = torch.full((len(x0),), round(percent / 100 * (len(schedule) - 1)), device="cpu")
        scale = max(1.0, float(schedule.sigma[t[0]]))
        x_t = add_noise(schedule, x0, t, noise) / scale if percent else x0
        columns.append((f"{percent} %", to_uint8(x_t).numpy()))
    return columns


def example_images(images: NDArray[Any] | MappedArray, count: int = MAX_EXAMPLES) -> NDArray[Any]:
    """Return at most `count` entries of an array [N, ...], evenly spaced over it."""
    chosen = np.linspace(0, len(images) - 1, min(count, len(images)))
    return np.array(images[chosen.round().astype(int)])
