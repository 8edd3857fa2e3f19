"""Samples as files: grids, GIFs, panels, folders of PNGs and arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.config import SamplingConfig, unknown_name_error
from ddpm.data.image_files import Images
from ddpm.distributed import is_main, process_group
from ddpm.errors import RequestError
from ddpm.files import atomic_file, check_writable
from ddpm.loading.models import OpenedModel, open_model
from ddpm.messages import sentence
from ddpm.quantities import format_seeds
from ddpm.sampling.draw import Trajectory, choose_labels, draw_with_progress
from ddpm.sampling.provenance import grid_comment
from ddpm.sampling.settings import (
    animation_settings,
    resolve_settings,
    settings_suffix,
)
from ddpm.terminal import print_line
from ddpm.visuals.animations import GIF_FRAMES, frame_indices, save_denoising_gif
from ddpm.visuals.grids import save_grid
from ddpm.visuals.strips import save_strip

MAX_GRID_IMAGES = 100  # without --grid
MAX_GIF_IMAGES = 100
PANEL_COLUMNS = 8
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
OUTPUT_SUFFIXES = (*PICTURE_SUFFIXES, ".gif", ".npz")


DEFAULT_IMAGES = 25


@dataclass(frozen=True)
class SampleRequest:
    """Images to draw and files to write; without a file, one grid in the run's samples folder."""

    n: int | None = None  # default: as many as `grid` has cells, else 25
    seed: int = 0
    label: str | None = None
    grid: tuple[int, int] | None = None  # rows, columns
    gif: bool = False
    panel: bool = False
    png_dir: Path | None = None
    out: Path | None = None

    @property
    def count(self) -> int:
        """Number of images."""
        return self.n or (math.prod(self.grid) if self.grid else DEFAULT_IMAGES)

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.count)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid; without `grid` nearly square, 5x5 for 25."""
        shown = min(self.count, MAX_GRID_IMAGES)
        columns = math.ceil(math.sqrt(shown))
        return self.grid or (math.ceil(shown / columns), columns)

    @property
    def gif_shape(self) -> tuple[int, int]:
        """Rows and columns of the GIF: those of the grid, at most 10x10."""
        return self.shape if math.prod(self.shape) <= MAX_GIF_IMAGES else (10, 10)

    @property
    def gif_seeds(self) -> range:
        """Seeds whose reverse process is shown."""
        return self.seeds[: math.prod(self.gif_shape)]


def write_samples(
    target: str, overrides: Sequence[str], request: SampleRequest, device: str = "auto"
) -> list[Path]:
    """Draw from the model `target`, write the files of `request` and return their paths.

    Under torchrun the processes share the drawing and the main one writes. RequestError if there
    is no such model, or if a file cannot be written.
    """
    with process_group():
        return _write_samples(target, overrides, request, device)


def _write_samples(
    target: str, overrides: Sequence[str], request: SampleRequest, device: str
) -> list[Path]:
    _check_outputs(request)
    opened = open_model(target, device)
    family = opened.model.spec.config.family
    if _wants_frames(request) and not family.has_reverse_process:
        raise RequestError(
            f"{opened.name} is {family.noun}, which draws in one pass and has no reverse process to "
            "show. Leave out the GIF and the panel."
        )
    settings = resolve_settings(opened.model, overrides)
    images, trajectory = _draw_images(request, opened, settings, overrides)
    base = _base_path(request, opened, overrides)
    return _write(request, opened, settings, base, images, trajectory) if is_main() else []


def _draw_images(
    request: SampleRequest, opened: OpenedModel, settings: SamplingConfig, overrides: Sequence[str]
) -> tuple[Images | None, Trajectory | None]:
    """Return the images, and the trajectories for a GIF or a panel; None for what is not requested.

    One pass serves both if it has enough steps for a GIF.
    """
    model, gif_settings = opened.model, settings
    labels = choose_labels(model, request.seeds, request.label)
    trajectory = Trajectory(len(request.gif_seeds), GIF_FRAMES) if _wants_frames(request) else None
    if not any("sampling.steps" in override for override in overrides):
        gif_settings = animation_settings(model, settings)
    images, shared = None, trajectory if gif_settings == settings else None
    if _wants_images(request):
        how = sentence(model.describe_sampling(settings))
        print_line(f"drawing {request.count} images ({how}) from {opened.origin}")
        images = draw_with_progress(model, request.seeds, labels, settings, shared)
    if trajectory is not None and not trajectory.states:
        print_line(
            f"drawing the reverse process of {format_seeds(request.gif_seeds)} "
            f"({sentence(model.describe_sampling(gif_settings))}) from {opened.origin}"
        )
        labels = None if labels is None else labels[: len(request.gif_seeds)]
        draw_with_progress(model, request.gif_seeds, labels, gif_settings, trajectory)
    return images, trajectory


def _wants_frames(request: SampleRequest) -> bool:
    """Return whether a GIF or a panel is written."""
    return request.gif or request.panel or _suffix(request) == ".gif"


def _wants_images(request: SampleRequest) -> bool:
    """Return whether anything besides a GIF and a panel is written."""
    return _suffix(request) != ".gif" or request.png_dir is not None


def _suffix(request: SampleRequest) -> str:
    return request.out.suffix.lower() if request.out else ""


def _check_outputs(request: SampleRequest) -> None:
    """Raise RequestError, before anything is drawn, if a file cannot be written."""
    if request.out is not None and _suffix(request) not in OUTPUT_SUFFIXES:
        raise unknown_name_error(
            "kind of file", _suffix(request) or str(request.out), OUTPUT_SUFFIXES
        )
    if request.out is not None:
        check_writable(request.out)
    folder = request.png_dir
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"{folder} is not empty; pass a new or an empty folder to --png-dir.")
    if folder is not None:
        check_writable(folder / "0.png")


def _write(
    request: SampleRequest,
    opened: OpenedModel,
    settings: SamplingConfig,
    base: Path,
    images: Images | None,
    trajectory: Trajectory | None,
) -> list[Path]:
    """Write the requested files and return their paths."""
    written, out, (rows, columns) = [], request.out, request.shape
    if request.png_dir is not None and images is not None:
        written += [_write_pngs(request.png_dir, request.seeds, images)]
    if out is not None and _suffix(request) == ".npz" and images is not None:
        with atomic_file(out) as temporary:
            np.savez_compressed(temporary, images=images)
        written.append(out)
    wants_grid = _suffix(request) in PICTURE_SUFFIXES or (
        _suffix(request) != ".gif" and (request.grid or not written)
    )
    if wants_grid and images is not None:
        path = (
            out
            if out is not None and _suffix(request) in PICTURE_SUFFIXES
            else base.with_name(base.name + ".png")
        )
        shown = request.seeds[: rows * columns]
        _say_shown("grid", path, request, (rows, columns))
        label = "" if request.label is None else f"label {request.label}, "
        save_grid(
            path,
            images[: rows * columns],
            rows,
            columns,
            caption=f"{format_seeds(shown)}, {label}{sentence(opened.model.describe_sampling(settings))}",
            comment=grid_comment(opened.model, settings, shown, request.label, (rows, columns)),
        )
        written.append(path)
    if trajectory is not None and (request.gif or _suffix(request) == ".gif"):
        path = base.with_name(base.name + ".gif")
        _say_shown("GIF", path, request, request.gif_shape)
        save_denoising_gif(path, trajectory.states, *request.gif_shape)
        written.append(path)
    if trajectory is not None and request.panel:
        written.append(
            _write_panel(base.with_name(base.name + "-panel.png"), trajectory, request.seed)
        )
    return written


def _say_shown(kind: str, path: Path, request: SampleRequest, shape: tuple[int, int]) -> None:
    """Say in one line how many images a picture leaves out, or how many cells of --grid are empty."""
    cells, count = math.prod(shape), request.count
    if count > cells:
        print_line(
            f"{path} shows the first {cells} of {count} images: the {kind} is {_shape_text(shape)}"
        )
    elif request.grid is not None and count < cells:
        print_line(
            f"{path} has {cells - count} empty cells: {count} images, {kind} {_shape_text(shape)}"
        )


def _shape_text(shape: tuple[int, int]) -> str:
    """Return rows and columns as text, such as `5x5`."""
    return "x".join(map(str, shape))


def _base_path(request: SampleRequest, opened: OpenedModel, overrides: Sequence[str]) -> Path:
    """Return the path of the pictures without a suffix: `out`, or a name made of the request.

    `RUN/samples/seed-0-n25`, or `./NAME-samples` for weights without a run, then label and settings.
    """
    if request.out is not None:
        return request.out.with_suffix("")
    label = "" if request.label is None else f"-label-{request.label}"
    suffix = label + settings_suffix(overrides)
    if opened.run is None:
        seed = f"-seed-{request.seed}" if request.seed else ""
        return Path(f"{opened.name}-samples{seed}{suffix}")
    return opened.run.samples / f"seed-{request.seed}-n{request.count}{suffix}"


def _write_pngs(folder: Path, seeds: Sequence[int], images: Images) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, image in zip(seeds, images, strict=True):
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        with atomic_file(folder / f"{seed:06d}.png") as temporary:
            Image.fromarray(pixels).save(temporary, "PNG")
    return folder


def _write_panel(path: Path, trajectory: Trajectory, seed: int) -> Path:
    """Draw x_t of one image above its predicted x0, over the reverse process."""
    chosen = [i for i in frame_indices(trajectory.log_snr, PANEL_COLUMNS + 1) if i > 0]
    columns = [
        (
            f"{trajectory.percents[i]} %",
            np.stack([trajectory.states[i][0], trajectory.predictions[i][0]]),
        )
        for i in chosen
    ]
    title = f"reverse process, seed {seed}, by share of the steps taken"
    save_strip(path, columns, row_titles=["xₜ", "predicted x₀"], title=title)
    return path
