"""Samples as files: grids, GIFs, panels, folders of PNGs and arrays."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ddpm.commands.sample.chunked_drawing import (
    ChunkFile,
    Labels,
    draw_to_files,
    say_interrupted,
    say_remaining,
)
from ddpm.commands.sample.png_folder import PngFolder, check_png_folder
from ddpm.commands.sample.sample_archive import SampleArchive, partial_path
from ddpm.commands.sample.size_limits import (
    check_array_space,
    check_picture_size,
    check_png_space,
)
from ddpm.config import SamplingConfig, unknown_name_error
from ddpm.data.image_files import Images
from ddpm.distributed import is_main, process_group, run_on_main
from ddpm.errors import RequestError
from ddpm.files import check_writable
from ddpm.loading.models import OpenedModel, open_model
from ddpm.locking import exclusive_lock
from ddpm.messages import sentence
from ddpm.models.base import GenerativeModel, as_diffusion
from ddpm.models.fingerprint import weights_hash
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

DEFAULT_IMAGES = 25
MAX_GRID_IMAGES = 100  # without --grid
MAX_GIF_IMAGES = 100
PANEL_COLUMNS = 8
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
OUTPUT_SUFFIXES = (*PICTURE_SUFFIXES, ".gif", ".npz")


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
    precision: str = "auto"  # fp32: not in bf16, even where the processor has it

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
    if request.precision == "fp32":
        _use_float32(opened)
    settings = resolve_settings(opened.model, overrides)
    choose_labels(opened.model, request.seeds[:1], request.label)  # raises for an unknown label
    _check_sizes(request, opened.model.spec.image_shape)
    with ExitStack() as locks:
        files: list[ChunkFile] = []  # of the main process alone
        run_on_main(lambda: files.extend(_open_files(request, opened, settings, locks)))
        try:
            images, trajectory = _draw_images(request, opened, settings, overrides, files)
        except KeyboardInterrupt:
            say_interrupted(files)
            raise
        written: list[Path] = []
        run_on_main(lambda: written.extend(file.finish() for file in files))
    if not is_main():
        return []
    base = _base_path(request, opened, overrides)
    return written + _write_pictures(request, opened, settings, base, images, trajectory)


def _use_float32(opened: OpenedModel) -> None:
    """Let the model compute in float32. RequestError: its family has no choice."""
    model = as_diffusion(opened.model)
    if model is None:
        raise RequestError(
            f"{opened.name} is {opened.model.spec.config.family.noun}, whose precision cannot be set. "
            "Leave out --precision."
        )
    model.precision = "fp32"


def _open_files(
    request: SampleRequest, opened: OpenedModel, settings: SamplingConfig, locks: ExitStack
) -> Iterator[ChunkFile]:
    """Open the files that take every image, or continue those of an interrupted command."""
    model, request_hash = opened.model, _request_hash(request, opened.model, settings)
    if request.png_dir is not None:
        yield PngFolder(request.png_dir, request.seeds, request_hash)
    if request.out is not None and _suffix(request) == ".npz":
        partial = partial_path(request.out)
        locks.enter_context(
            exclusive_lock(partial.with_name(partial.name + ".lock"), str(request.out))
        )
        yield SampleArchive(
            request.out,
            request.seeds,
            model.spec.image_shape,
            settings.chunk,
            _labels(request, model),
            {
                "model": opened.name,
                "step": opened.step,
                "weights": weights_hash(model),
                "label": request.label,
                "class_names": list(model.spec.class_names),
                "sampling": asdict(settings),
            },
            request_hash,
        )


def _request_hash(request: SampleRequest, model: GenerativeModel, settings: SamplingConfig) -> str:
    """Return a hash of everything the bits of image i depend on."""
    parts = [weights_hash(model), asdict(settings), request.seed, request.label]
    parts += [] if request.precision == "auto" else [request.precision]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _labels(request: SampleRequest, model: GenerativeModel) -> Labels:
    return lambda start, stop: choose_labels(model, request.seeds[start:stop], request.label)


def _draw_images(
    request: SampleRequest,
    opened: OpenedModel,
    settings: SamplingConfig,
    overrides: Sequence[str],
    files: Sequence[ChunkFile],
) -> tuple[Images | None, Trajectory | None]:
    """Draw into `files`; return the images of the grid, and the trajectories for a GIF or a panel.

    One pass serves all if it has enough steps for a GIF. Images that no file takes are not drawn.
    """
    model, gif_settings = opened.model, settings
    trajectory = Trajectory(len(request.gif_seeds), GIF_FRAMES) if _wants_frames(request) else None
    if not any("sampling.steps" in override for override in overrides):
        gif_settings = animation_settings(model, settings)
    images, shared = None, trajectory if gif_settings == settings else None
    if _wants_images(request):
        say_remaining(files)
        kept = math.prod(request.shape) if _wants_grid(request) else 0
        seeds = request.seeds if _wants_all(request) else request.seeds[:kept]
        how = sentence(model.describe_sampling(settings))
        print_line(f"drawing {len(seeds)} images ({how}) from {opened.origin}")
        labels = _labels(request, model)
        images = draw_to_files(
            model, seeds, labels, settings, files, kept=min(kept, len(seeds)), trajectory=shared
        )
    if trajectory is not None and not trajectory.states:
        print_line(
            f"drawing the reverse process of {format_seeds(request.gif_seeds)} "
            f"({sentence(model.describe_sampling(gif_settings))}) from {opened.origin}"
        )
        filmed = choose_labels(model, request.gif_seeds, request.label)
        draw_with_progress(model, request.gif_seeds, filmed, gif_settings, trajectory)
    return images, trajectory


def _wants_frames(request: SampleRequest) -> bool:
    """Return whether a GIF or a panel is written."""
    return request.gif or request.panel or _suffix(request) == ".gif"


def _wants_images(request: SampleRequest) -> bool:
    """Return whether anything besides a GIF and a panel is written."""
    return _suffix(request) != ".gif" or request.png_dir is not None


def _wants_all(request: SampleRequest) -> bool:
    """Return whether a file takes every image of the request, not only those of the grid."""
    return request.png_dir is not None or _suffix(request) == ".npz"


def _wants_grid(request: SampleRequest) -> bool:
    """Return whether a grid is written: asked for, or the only file."""
    if _suffix(request) == ".gif":
        return False
    asked = request.grid is not None or _suffix(request) in PICTURE_SUFFIXES
    return asked or not _wants_all(request)


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
    if request.png_dir is not None:
        check_png_folder(request.png_dir, request.seeds)


def _check_sizes(request: SampleRequest, image_shape: tuple[int, int, int]) -> None:
    """Raise RequestError, before anything is drawn, if the files would be too large."""
    image_bytes = math.prod(image_shape)
    if request.png_dir is not None:
        check_png_space(request.png_dir, request.count, image_bytes)
    if request.out is not None and _suffix(request) == ".npz":
        check_array_space(request.out, request.count, image_bytes)
    if _wants_grid(request):
        check_picture_size(request.shape, image_shape[1:], request.out)


def _write_pictures(
    request: SampleRequest,
    opened: OpenedModel,
    settings: SamplingConfig,
    base: Path,
    images: Images | None,
    trajectory: Trajectory | None,
) -> list[Path]:
    """Write grid, GIF and panel, and return their paths."""
    written, out, (rows, columns) = [], request.out, request.shape
    if images is not None:
        path = (
            out
            if out is not None and _suffix(request) in PICTURE_SUFFIXES
            else base.with_name(base.name + ".png")
        )
        shown = request.seeds[: rows * columns]
        _print_shown_count("grid", path, request, (rows, columns))
        label = "" if request.label is None else f"label {request.label}, "
        save_grid(
            path,
            images,
            rows,
            columns,
            caption=f"{format_seeds(shown)}, {label}{sentence(opened.model.describe_sampling(settings))}",
            comment=grid_comment(opened.model, settings, shown, request.label, (rows, columns)),
        )
        written.append(path)
    if trajectory is not None and (request.gif or _suffix(request) == ".gif"):
        path = base.with_name(base.name + ".gif")
        _print_shown_count("GIF", path, request, request.gif_shape)
        save_denoising_gif(path, trajectory.states, *request.gif_shape)
        written.append(path)
    if trajectory is not None and request.panel:
        written.append(
            _write_panel(base.with_name(base.name + "-panel.png"), trajectory, request.seed)
        )
    return written


def _print_shown_count(
    kind: str, path: Path, request: SampleRequest, shape: tuple[int, int]
) -> None:
    """Print how many images a picture leaves out, or how many cells of --grid are empty."""
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
