"""The pictures of a report: copied from a run if they are up to date, else drawn again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ddpm.config import Config
from ddpm.data.catalogue import cache_dir, data_dir, find_offline
from ddpm.data.dataset import Dataset
from ddpm.data.image_files import Images
from ddpm.diffusion.schedules import make_schedule
from ddpm.errors import RequestError, WorkError
from ddpm.loading.datasets import open_dataset
from ddpm.loading.models import OpenedModel
from ddpm.messages import sentence
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.runs import RunFolder
from ddpm.sampling.forward_process import example_images, forward_columns
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.provenance import matches_default_samples
from ddpm.sampling.samples import Trajectory, sample_with_progress
from ddpm.sampling.settings import animation_settings
from ddpm.visuals.animations import frame_indices, save_denoising_gif
from ddpm.visuals.curves import save_loss_plot, save_schedule_plot
from ddpm.visuals.gif_frames import save_gif_frames
from ddpm.visuals.grid_mark import read_grid_mark
from ddpm.visuals.grids import save_grid
from ddpm.visuals.network_diagram import save_network_plot
from ddpm.visuals.saving import save_picture
from ddpm.visuals.series import Row
from ddpm.visuals.strips import save_strip

STRIP_SEEDS, STRIP_COLUMNS = 4, 8
FRAMES = (
    0.0,
    0.4,
    0.55,
    0.7,
    0.85,
    1.0,
)  # shares of a GIF's length; its first third shows only noise
_VISIBLE = (-4.0, 8.0)  # log-SNR between which an image emerges; the columns of the strip cover it
GRID = (5, 5)
LOSS_HEIGHT = 4.7  # inches; two loss plots and their table fill a page


@dataclass
class PictureFolder:
    """A folder of pictures, each under a name of its own; `names` lists them."""

    folder: Path
    prefix: str = ""
    names: dict[str, str] = field(
        default_factory=dict
    )  # content → file name relative to the document

    def place(self, what: str) -> Path:
        """Return the path for the picture of `what`."""
        name = f"{self.prefix}{what}.png"
        self.names[what] = f"{self.folder.name}/{name}"
        return self.folder / name


def draw_loss(picture_folder: PictureFolder, rows: Sequence[Row], note: str) -> None:
    """Draw the loss over the iterations, without a title; nothing if no loss was logged."""
    if any("loss" in row or "generator_loss" in row for row in rows):
        save_loss_plot(picture_folder.place("loss"), rows, title="", note=note, height=LOSS_HEIGHT)


def draw_networks(picture_folder: PictureFolder, spec: ModelSpec) -> None:
    """Draw one diagram per network; equal networks of several runs share a file."""
    outlines = make_model(spec).outlines()
    for name, rows in outlines.items():
        digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]
        shared = PictureFolder(picture_folder.folder)
        path = shared.place(f"network-{digest}")
        picture_folder.names[f"network-{name}"] = shared.names[f"network-{digest}"]
        if not path.exists():
            save_network_plot(path, rows)
            if len(outlines) > 1:  # they stand side by side
                _trim_sides(path)


def _trim_sides(path: Path) -> None:
    """Cut the white margins at the left and the right of a picture, but for a few pixels."""
    with Image.open(path) as found:
        picture = found.convert("RGB")
    left, _, right, _ = ImageOps.invert(picture).getbbox() or (0, 0, picture.width, 0)
    margin = picture.width // 100
    save_picture(path, picture.crop((max(left - margin, 0), 0, right + margin, picture.height)))


def draw_schedules(picture_folder: PictureFolder, configs: Sequence[Config]) -> str | None:
    """Draw all noise schedules of the runs in one figure; None if no run has one."""
    named = {
        f"{c.diffusion.schedule}, T = {c.diffusion.num_steps}": c.diffusion
        for c in configs
        if c.has_reverse_process
    }
    if not named:
        return None
    curves = {
        name: make_schedule(d.schedule, d.num_steps, **d.betas).log_snr.numpy()
        for name, d in named.items()
    }
    save_schedule_plot(picture_folder.place("schedule"), curves)
    return picture_folder.names["schedule"]


def draw_samples(
    picture_folder: PictureFolder, run: RunFolder, opened: OpenedModel
) -> Images | None:
    """Draw the sample grid of a run; for a diffusion model also frames of the GIF and the strip.

    Returns the final images of the strip; None for other models.
    """
    model, settings = opened.model, opened.model.spec.config.sampling
    grid, current = picture_folder.place("samples"), _is_current(run.sample_grid, opened)
    if current:
        shutil.copyfile(run.sample_grid, grid)
    else:
        seeds = range(GRID[0] * GRID[1])
        images = sample_with_progress(model, seeds, choose_labels(model, seeds, None), settings)
        save_grid(
            grid,
            images,
            *GRID,
            caption=f"seeds 0–24, {sentence(model.describe_sampling(settings))}",
        )
    if not model.spec.config.has_reverse_process:
        return None
    trajectory, seeds = Trajectory(STRIP_SEEDS), range(STRIP_SEEDS)
    labels, animation = choose_labels(model, seeds, None), animation_settings(model, settings)
    images = sample_with_progress(model, seeds, labels, animation, trajectory)
    _draw_backward(picture_folder.place("backward"), trajectory)
    _draw_frames(picture_folder, run.denoising if current else None, trajectory)
    return images


def _is_current(picture: Path, opened: OpenedModel) -> bool:
    """Return whether a grid can be read and its mark, if any, agrees with how the model samples now."""
    try:
        with Image.open(picture) as found:
            mark = read_grid_mark(found)
            found.load()
    except (OSError, RequestError):
        return False
    return mark is None or matches_default_samples(opened.model, mark)


def _draw_backward(path: Path, trajectory: Trajectory) -> None:
    """Sample the reverse process: a row for each seed, a column for each moment."""
    last = len(trajectory.states) - 1
    low, high = _VISIBLE
    chosen = frame_indices([min(max(v, low), high) for v in trajectory.log_snr], STRIP_COLUMNS)
    columns = [(f"{100 * i // max(last, 1)} %", trajectory.states[i]) for i in chosen]
    save_strip(path, columns)


def _draw_frames(picture_folder: PictureFolder, gif: Path | None, trajectory: Trajectory) -> None:
    """Draw frames of the run's GIF, or of the images sampled for the strip.

    `gif`: the run's GIF, which is as old as the grid beside it; None if the grid is out of date.
    """
    place = picture_folder.place("frames")
    if gif is not None:
        with contextlib.suppress(RequestError):
            save_gif_frames(place, gif, FRAMES)
            return
    scratch = picture_folder.folder / "frames.gif"
    save_denoising_gif(scratch, trajectory.states, 2, STRIP_SEEDS // 2)
    save_gif_frames(place, scratch, FRAMES)
    scratch.unlink()


def draw_real(picture_folder: PictureFolder, images: Images) -> None:
    """Draw the grid of real images; runs that learned from the same ones share a file."""
    shared = PictureFolder(picture_folder.folder)
    name = f"real-{hashlib.sha256(images.tobytes()).hexdigest()[:12]}"
    path = shared.place(name)
    picture_folder.names["real"] = shared.names[name]
    if not path.exists():
        count = len(images)
        save_grid(path, images, *GRID, caption=f"{count} training images, evenly spaced")


def draw_forward(
    picture_folder: PictureFolder, config: Config, found: Images | None, drawn: Images | None
) -> bool:
    """Draw the forward process on training images, else on `drawn` ones; return whether it is the former."""
    shown = drawn if found is None else example_images(found)
    if shown is not None:
        schedule = make_schedule(
            config.diffusion.schedule, config.diffusion.num_steps, **config.diffusion.betas
        )
        save_strip(picture_folder.place("forward"), forward_columns(shown, schedule, seed=0))
    return found is not None


def training_images(config: Config, content_hash: str | None) -> Images | None:
    """Return 25 training images of a run, or all of fewer; None if they are not here or have changed."""
    path = find_offline(config.data.path, data_dir=data_dir(), cache_dir=cache_dir())
    if path is None:
        return None
    data = replace(config.data, path=str(path), labels=False)
    try:
        dataset: Dataset = open_dataset(replace(config, data=data))
    except (RequestError, WorkError):
        return None
    if content_hash is not None and dataset.report["content_hash"] != content_hash:
        return None
    return np.array(dataset.images[example_images(dataset.train, GRID[0] * GRID[1])])
