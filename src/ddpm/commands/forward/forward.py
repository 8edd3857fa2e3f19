"""`ddpm forward`: images turning into noise, at fixed shares of the forward process."""

from __future__ import annotations

from pathlib import Path

from ddpm.config import Config, DataConfig
from ddpm.data.image_files import Images, image_shape, read_image
from ddpm.data.image_source import is_image_name
from ddpm.diffusion.schedules import make_schedule
from ddpm.loading.datasets import open_dataset
from ddpm.sampling.forward_process import example_images, forward_columns
from ddpm.terminal import say
from ddpm.visuals.saving import check_picture
from ddpm.visuals.strips import save_strip

LONGEST = 128  # pixels of a side of an image that is shown: it stands in the picture six times


def write_forward(target: str, schedule: str, seed: int, out: Path) -> Path:
    """Rows of images, columns at 0, 10, 25, 50, 75 and 100 % of the process (Ho et al. 2020, Eq. 4)."""
    check_picture(out)
    columns = forward_columns(_images(target), make_schedule(schedule, 1000), seed)
    save_strip(out, columns, title=f"forward process, {schedule} schedule")
    return out


def _images(target: str) -> Images:
    """The one image of a file, made smaller where it is large, or a few spread over a set."""
    path = Path(target)
    if path.is_file() and is_image_name(path.name):
        return _read_small(path)[None]
    return example_images(open_dataset(Config(data=DataConfig(path=target))).images)


def _read_small(path: Path) -> Images:
    """An image file as [C, H, W], its aspect kept, no side longer than `LONGEST`."""
    channels, height, width = image_shape(path)
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return read_image(path)
    small = (max(2, round(scale * height)), max(2, round(scale * width)))
    say(f"{path} is {height}x{width}; it is shown at {small[0]}x{small[1]}")
    return read_image(path, (channels, *small))
