"""Forward process of images: growing noise at fixed percentages of the timesteps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.config import Config, DataConfig, unknown_name_error
from ddpm.data.array_arguments import check_seed, image_tensor
from ddpm.data.image_files import Images, image_shape, read_image
from ddpm.data.image_source import is_image_name
from ddpm.diffusion.schedules import SCHEDULES, make_schedule
from ddpm.loading.datasets import open_dataset
from ddpm.sampling.forward_process import example_images, forward_columns
from ddpm.terminal import print_line
from ddpm.visuals.saving import check_picture_path
from ddpm.visuals.strips import save_strip

MAX_SIDE = 128  # pixels; larger images are scaled down, since each is drawn six times


def forward(images: Tensor | NDArray[Any], schedule: str = "linear", seed: int = 0) -> Tensor:
    """Noise `images` uint8 [N, C, H, W] by the forward process q(x_t | x_0) (Ho et al. 2020, Eq. 4).

    Returns uint8 [6, N, C, H, W]: the images at 0, 10, 25, 50, 75 and 100 % of 1,000 timesteps, image i
    with noise from seed `seed` + i. RequestError if the schedule is unknown.

    >>> images = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    >>> noised = ddpm.forward(images, schedule="cosine")
    >>> noised.shape, bool((noised[0] == images).all())
    (torch.Size([6, 3, 1, 8, 8]), True)
    """
    if schedule not in SCHEDULES:
        raise unknown_name_error("schedule", schedule, SCHEDULES)
    check_seed(seed)
    columns = forward_columns(image_tensor(images).numpy(), make_schedule(schedule, 1000), seed)
    return torch.from_numpy(np.stack([noised for _, noised in columns]))


def write_forward(target: str, schedule: str, seed: int, out: Path) -> Path:
    """Draw images (rows) at 0, 10, 25, 50, 75 and 100 % of the forward process (columns); return `out`.

    `target` is an image file or a data set. RequestError if the images are not found, or if
    the file cannot be written.
    """
    check_picture_path(out)
    columns = forward_columns(_images(target), make_schedule(schedule, 1000), seed)
    save_strip(out, columns, title=f"forward process, {schedule} schedule")
    return out


def _images(target: str) -> Images:
    """Return the image of a file, or a few images of a data set, uint8 [N, C, H, W]."""
    path = Path(target)
    if path.is_file() and is_image_name(path.name):
        return _read_scaled(path)[None]
    return example_images(open_dataset(Config(data=DataConfig(path=target))).images)


def _read_scaled(path: Path) -> Images:
    """Read an image file as uint8 [C, H, W], scaled down so that no side exceeds `MAX_SIDE`."""
    channels, height, width = image_shape(path)
    scale = MAX_SIDE / max(height, width)
    if scale >= 1:
        return read_image(path)
    small = (max(2, round(scale * height)), max(2, round(scale * width)))
    print_line(f"{path} is {height}x{width}; it is shown at {small[0]}x{small[1]}")
    return read_image(path, (channels, *small))
