"""Request of `ddpm sample`: the images to sample, their layout, and the files to write."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from ddpm.config import unknown_name_error
from ddpm.files import check_writable
from ddpm.models.spec import ModelSpec
from ddpm.sampling.labels import parse_label
from ddpm.terminal import print_line

DEFAULT_IMAGES = 25
MAX_GRID_IMAGES = 100  # without --grid
MAX_GIF_IMAGES = 100
LABEL_COLUMNS = 10  # images of a label, if several labels are sampled without --grid
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
OUTPUT_SUFFIXES = (*PICTURE_SUFFIXES, ".gif", ".npz")


@dataclass(frozen=True)
class SampleRequest:
    """Images to sample and files to write; without a file, one grid in the run's samples folder."""

    n: int | None = None  # default: as many as `grid` has cells, else 25
    seed: int = 0
    label: str | None = None  # a class; several, one a row of the grid; None: by the seeds
    grid: tuple[int, int] | None = None  # rows, columns
    gif: bool = False
    panel: bool = False
    png_dir: Path | None = None
    out: Path | None = None
    precision: str = "auto"  # fp32: not in bf16, even where the processor has it
    label_rows: tuple[int, int] | None = (
        None  # set by `for_labels`: rows and columns, a label a row
    )

    def for_labels(self, spec: ModelSpec) -> SampleRequest:
        """Return the request with a row for each label, if `label` names several classes of the model.

        Without `grid` the columns depend on the number of labels alone, so that image i has the same label
        for any `n`. RequestError if the model does not know a label.
        """
        count = 1 if self.label is None else len(parse_label(spec, self.label))
        if count == 1:
            return self
        columns = max(1, min(LABEL_COLUMNS, MAX_GRID_IMAGES // count))
        return replace(self, label_rows=self.grid or (count, columns))

    @property
    def count(self) -> int:
        """Number of images."""
        shape = self.grid or self.label_rows
        return self.n or (math.prod(shape) if shape else DEFAULT_IMAGES)

    @property
    def is_count_known(self) -> bool:
        """Whether the number of images does not depend on how many classes `label` names."""
        return self.label is None or (self.n or self.grid or self.label_rows) is not None

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.count)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid; without `grid` nearly square, 5x5 for 25."""
        shown = min(self.count, MAX_GRID_IMAGES)
        columns = self.label_rows[1] if self.label_rows else math.ceil(math.sqrt(shown))
        return self.grid or (math.ceil(shown / columns), columns)

    @property
    def columns(self) -> int:
        """Number of consecutive images that have the same label, if there are several labels."""
        return self.label_rows[1] if self.label_rows else 1

    @property
    def gif_shape(self) -> tuple[int, int]:
        """Rows and columns of the GIF: those of the grid, at most 10x10, or 100 images in rows of a label."""
        rows, columns = self.shape
        if rows * columns <= MAX_GIF_IMAGES:
            return rows, columns
        if self.label_rows is None:
            return 10, 10
        return max(1, min(rows, MAX_GIF_IMAGES // columns)), min(columns, MAX_GIF_IMAGES)

    @property
    def gif_seeds(self) -> range:
        """Seeds whose reverse process is shown."""
        return self.seeds[: math.prod(self.gif_shape)]

    @property
    def suffix(self) -> str:
        """Lower-case ending of `out`; "" without `out`."""
        return self.out.suffix.lower() if self.out else ""

    @property
    def wants_frames(self) -> bool:
        """Whether a GIF or a panel is written."""
        return self.gif or self.panel or self.suffix == ".gif"

    @property
    def wants_images(self) -> bool:
        """Whether anything besides a GIF and a panel is written."""
        return self.suffix != ".gif" or self.png_dir is not None

    @property
    def wants_all(self) -> bool:
        """Whether a file takes every image of the request, not only those of the grid."""
        return self.png_dir is not None or self.suffix == ".npz"

    @property
    def wants_grid(self) -> bool:
        """Whether a grid is written: asked for, or the only file."""
        if self.suffix == ".gif":
            return False
        asked = self.grid is not None or self.suffix in PICTURE_SUFFIXES
        return asked or not self.wants_all

    def check_out(self) -> None:
        """Raise RequestError if `out` cannot be written."""
        if self.out is None:
            return
        if self.suffix not in OUTPUT_SUFFIXES:
            raise unknown_name_error("kind of file", self.suffix or str(self.out), OUTPUT_SUFFIXES)
        check_writable(self.out)

    def print_missing_labels(self, spec: ModelSpec) -> None:
        """Print which labels are left without images, if the images fill too few rows."""
        if self.label is None or self.label_rows is None:
            return
        rows, classes = math.ceil(self.count / self.columns), parse_label(spec, self.label)
        if rows < len(classes):
            missing = ", ".join(spec.class_names[label] for label in classes[rows:])
            print_line(
                f"{self.count} images in rows of {self.columns} leave no row for {missing}; pass -n "
                f"{len(classes) * self.columns} or a larger --grid"
            )
