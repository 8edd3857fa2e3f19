"""Layout of a grid, and images tiled into it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import RequestError
from ddpm.quantities import format_bytes

ImageBatch = NDArray[np.uint8]  # [N, C, H, W], C is 1 or 3
Pixels = NDArray[np.uint8]  # [..., H, W] gray or [..., H, W, 3] color

GAP = 2  # pixels between cells
MAX_PIXELS = 357_913_941  # of a picture; Pillow refuses to open a larger one
PICTURE_WIDTH, _MAX_HEIGHT = 560, 900  # pixels


@dataclass(frozen=True)
class Layout:
    """Grid of `rows` x `columns` cells, each an image enlarged `scale` times. Sizes are pixels."""

    rows: int
    columns: int
    height: int  # of one image
    width: int
    scale: int
    gap: int = GAP

    @property
    def cell(self) -> tuple[int, int]:
        """(height, width) of a cell."""
        return self.height * self.scale, self.width * self.scale

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the grid, without a margin."""
        height, width = self.cell
        return (
            self.rows * height + (self.rows - 1) * self.gap,
            self.columns * width + (self.columns - 1) * self.gap,
        )

    def corner(self, index: int) -> tuple[int, int]:
        """Return (top, left) of a cell; cells are numbered row by row."""
        row, column = divmod(index, self.columns)
        height, width = self.cell
        return row * (height + self.gap), column * (width + self.gap)


def to_pixels(images: Any) -> Pixels:
    """Return uint8 images [N, C, H, W] as [N, H, W] (gray) or [N, H, W, 3].

    Raises RequestError for another type or shape.
    """
    array = np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] not in (1, 3) or not array.size:
        raise RequestError(
            "Pictures need uint8 images [N, 1 or 3, height, width], "
            f"not {array.dtype} {list(array.shape)}."
        )
    return array[:, 0] if array.shape[1] == 1 else np.moveaxis(array, 1, -1)


def fit_layout(
    rows: int,
    columns: int,
    image: tuple[int, int],
    *,
    scale: int | None = None,
    width: int = PICTURE_WIDTH,
    gap: int = GAP,
) -> Layout:
    """Return a layout for images of size `image`, (height, width).

    Without `scale`, a whole multiple is chosen that makes the picture about `width` pixels wide (28-pixel
    digits in 5 columns: 4) and at most 900 pixels high. RequestError: a picture of more than `MAX_PIXELS`.
    """
    image_height, image_width = image
    if rows < 1 or columns < 1:
        raise RequestError(f"A grid needs at least one row and one column, not {rows}x{columns}.")
    if scale is None:
        scale = min(round(width / (columns * image_width)), _MAX_HEIGHT // (rows * image_height))
        scale = max(1, scale)
    if scale < 1:
        raise RequestError(f"The scale of a cell must be at least 1, not {scale}.")
    layout = Layout(rows, columns, image_height, image_width, scale, gap)
    if math.prod(layout.size) > MAX_PIXELS:
        tall, wide = layout.size
        side = math.isqrt(MAX_PIXELS // math.prod(length * scale + gap for length in image))
        raise RequestError(
            f"A grid of {rows}x{columns} is {wide:,} x {tall:,} pixels, which takes at least "
            f"{format_bytes(tall * wide)} of memory; pass a smaller one, such as {side}x{side}."
        )
    return layout


def tile(cells: Pixels, layout: Layout, background: int = 255) -> Pixels:
    """Return `cells` [N, H, W, ...] tiled into the layout; empty cells show `background`."""
    if len(cells) > layout.rows * layout.columns:
        raise RequestError(
            f"{len(cells)} images do not fit a grid of {layout.rows}x{layout.columns}; "
            "pass more rows or fewer images."
        )
    canvas = np.full((*layout.size, *cells.shape[3:]), background, np.uint8)
    height, width = layout.cell
    for index, cell in enumerate(cells):
        top, left = layout.corner(index)
        enlarged = cell.repeat(layout.scale, axis=0).repeat(layout.scale, axis=1)
        canvas[top : top + height, left : left + width] = enlarged
    return canvas
