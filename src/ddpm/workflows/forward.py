"""`ddpm forward`: images turning into noise, at fixed shares of the forward process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ddpm.config import Config, DataConfig
from ddpm.data.pieces import Pieces
from ddpm.data.pixels import to_model, to_uint8
from ddpm.data.source import is_image_name
from ddpm.diffusion.process import add_noise
from ddpm.diffusion.schedules import Schedule, make_schedule
from ddpm.randomness import ImageNoise
from ddpm.visuals.saving import check_picture
from ddpm.visuals.strips import process_strip
from ddpm.workflows.opening import open_dataset
from ddpm.workflows.pictures import image_shape, read_image
from ddpm.workflows.progress import say
from ddpm.workflows.sample import Images

SHARES = (0, 10, 25, 50, 75, 100)  # per cent of the process
EXAMPLES = 4  # images shown of a whole set
LONGEST = 128  # pixels of a side of an image that is shown: it stands in the picture six times


def write_forward(target: str, schedule_name: str, seed: int, out: Path) -> Path:
    """Rows of images, columns at 0, 10, 25, 50, 75 and 100 % of the process (Ho et al. 2020, Eq. 4)."""
    check_picture(out)
    columns = forward_columns(_images(target), make_schedule(schedule_name, 1000), seed)
    process_strip(out, columns, title=f"forward process, {schedule_name} schedule")
    return out


def forward_columns(shown: Images, schedule: Schedule, seed: int) -> list[tuple[str, Images]]:
    """`shown` (uint8 [N, C, H, W]) under growing noise: a share in words, and the images there.

    Where the noise outgrows the image (edm, up to 80 times), x_t is shown divided by sigma.
    """
    images = to_model(torch.from_numpy(shown))
    noise = ImageNoise(range(seed, seed + len(images)), images.shape[1:])()
    columns = []
    for share in SHARES:
        t = torch.full((len(images),), round(share / 100 * (len(schedule) - 1)))
        outgrown = max(1.0, float(schedule.sigma[t[0]]))
        x_t = add_noise(schedule, images, t, noise) / outgrown if share else images
        columns.append((f"{share} %", to_uint8(x_t).numpy()))
    return columns


def spread(items: NDArray[Any] | Pieces) -> NDArray[Any]:
    """A few of the items of an array, evenly spread over it."""
    chosen = np.linspace(0, len(items) - 1, min(EXAMPLES, len(items)))
    return np.array(items[chosen.round().astype(int)])


def _images(target: str) -> Images:
    """The one image of a file, made smaller where it is large, or a few spread over a set."""
    path = Path(target)
    if path.is_file() and is_image_name(path.name):
        return _read_small(path)[None]
    return spread(open_dataset(Config(data=DataConfig(path=target))).images)


def _read_small(path: Path) -> Images:
    """An image file as [C, H, W], its aspect kept, no side longer than `LONGEST`."""
    channels, height, width = image_shape(path)
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return read_image(path)
    small = (max(2, round(scale * height)), max(2, round(scale * width)))
    say(f"{path} is {height}x{width}; it is shown at {small[0]}x{small[1]}")
    return read_image(path, (channels, *small))
