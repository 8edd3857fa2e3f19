"""Pictures of a sample: the grid, the GIF and the panel of the reverse process."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ddpm.commands.sample.sample_request import PICTURE_SUFFIXES, SampleRequest
from ddpm.config import SamplingConfig
from ddpm.data.image_files import Images
from ddpm.loading.models import OpenedModel
from ddpm.messages import sentence
from ddpm.quantities import format_seeds
from ddpm.sampling.provenance import grid_comment
from ddpm.sampling.samples import Trajectory
from ddpm.sampling.settings import settings_suffix
from ddpm.terminal import print_line
from ddpm.visuals.animations import frame_indices, save_denoising_gif
from ddpm.visuals.grids import save_grid
from ddpm.visuals.strips import save_strip

PANEL_COLUMNS = 8
_MAX_LABEL = 60  # characters of a list of labels in a file name


@dataclass(frozen=True)
class SamplePictures:
    """Writer of the pictures of one request, which are sampled by one model."""

    request: SampleRequest
    opened: OpenedModel
    settings: SamplingConfig
    base: Path  # of the pictures, without a suffix

    def write(self, images: Images | None, trajectory: Trajectory | None) -> list[Path]:
        """Write grid, GIF and panel, as far as they are requested, and return their paths."""
        request, written = self.request, []
        if images is not None:
            written.append(self._write_grid(images))
        if trajectory is not None and (request.gif or request.suffix == ".gif"):
            path = self._path(".gif")
            self._print_shown_count("GIF", path, request.gif_shape)
            save_denoising_gif(path, trajectory.states, *request.gif_shape)
            written.append(path)
        if trajectory is not None and request.panel:
            written.append(write_panel(self._path("-panel.png"), trajectory, request.seed))
        return written

    def _write_grid(self, images: Images) -> Path:
        request, model = self.request, self.opened.model
        rows, columns = request.shape
        is_named = request.out is not None and request.suffix in PICTURE_SUFFIXES
        path = request.out if request.out is not None and is_named else self._path(".png")
        shown = request.seeds[: rows * columns]
        self._print_shown_count("grid", path, (rows, columns))
        how = sentence(model.describe_sampling(self.settings))
        save_grid(
            path,
            images,
            rows,
            columns,
            caption=f"{format_seeds(shown)}, {self._label_text()}{how}",
            comment=grid_comment(model, self.settings, shown, request.label, (rows, columns)),
        )
        return path

    def _label_text(self) -> str:
        request = self.request
        if request.label is None:
            return ""
        if request.label_rows is None:
            return f"label {request.label}, "
        return f"a row for each label ({', '.join(request.label.split(','))}), "

    def _print_shown_count(self, kind: str, path: Path, shape: tuple[int, int]) -> None:
        """Print how many images a picture leaves out, or how many cells of --grid are empty."""
        cells, count = math.prod(shape), self.request.count
        if count > cells:
            print_line(
                f"{path} shows the first {cells} of {count} images: the {kind} is {_shape_text(shape)}"
            )
        elif self.request.grid is not None and count < cells:
            print_line(
                f"{path} has {cells - count} empty cells: {count} images, {kind} {_shape_text(shape)}"
            )

    def _path(self, suffix: str) -> Path:
        return self.base.with_name(self.base.name + suffix)


def _shape_text(shape: tuple[int, int]) -> str:
    """Return rows and columns as text, such as `5x5`."""
    return "x".join(map(str, shape))


def base_path(request: SampleRequest, opened: OpenedModel, overrides: Sequence[str]) -> Path:
    """Return the path of the pictures without a suffix: `out`, or a name made of the request.

    `RUN/samples/seed-0-n25`, or `./NAME-samples` for weights without a run, then label and settings.
    """
    if request.out is not None:
        return request.out.with_suffix("")
    suffix = _label_suffix(request) + settings_suffix(overrides)
    if opened.run is None:
        seed = f"-seed-{request.seed}" if request.seed else ""
        return Path(f"{opened.name}-samples{seed}{suffix}")
    return opened.run.samples / f"seed-{request.seed}-n{request.count}{suffix}"


def _label_suffix(request: SampleRequest) -> str:
    """Return the label as part of a file name; several labels without spaces and commas, at most 60 long."""
    if request.label is None:
        return ""
    if request.label_rows is None:
        is_mixture = ":" in request.label  # no colon in a file name, for Windows
        return "-label-" + (re.sub(r"[:, ]+", "-", request.label) if is_mixture else request.label)
    return "-labels-" + re.sub(r"[^\w.+-]+", "-", request.label)[:_MAX_LABEL].strip("-")


def write_panel(path: Path, trajectory: Trajectory, seed: int) -> Path:
    """Draw x_t of one image above its predicted x0, over the reverse process, and return `path`."""
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
