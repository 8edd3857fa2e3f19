"""Grids of images, enlarged by a whole factor so that every pixel is a square."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ddpm.visuals.annotations import annotate
from ddpm.visuals.layout import GAP, ImageBatch, fit_layout, tile, to_pixels
from ddpm.visuals.saving import save_picture


def grid(
    images: ImageBatch, rows: int, columns: int, *, cell_scale: int | None = None, gap: int = GAP
) -> Image.Image:
    """Return a grid of uint8 images [N, C, H, W], N <= rows·columns, row by row, without a margin.

    `cell_scale` is the factor of enlargement; by default the picture is about 560 pixels wide. Cells
    without an image are white. Gray images give a gray picture.
    """
    pixels = to_pixels(images)
    layout = fit_layout(rows, columns, pixels.shape[1:3], scale=cell_scale, gap=gap)
    return Image.fromarray(tile(pixels, layout))


def grid_png_size(images: ImageBatch, rows: int, columns: int) -> int:
    """Return the size in bytes of `grid` as a PNG."""
    buffer = io.BytesIO()
    grid(images, rows, columns).save(buffer, "PNG")
    return buffer.tell()


def save_grid(
    path: Path | str,
    images: ImageBatch,
    rows: int,
    columns: int,
    *,
    caption: str | None = None,
    row_titles: Sequence[str] = (),
    comment: str = "",
) -> None:
    """Write `grid` to `path` (PNG or JPEG by its name), with `caption` in a margin below.

    `row_titles` stand beside the rows; `comment` is stored in the metadata of the file.
    """
    pixels = to_pixels(images)
    layout = fit_layout(rows, columns, pixels.shape[1:3])
    picture = Image.fromarray(tile(pixels, layout))
    titled = annotate(picture, layout, row_titles=row_titles, caption=caption)
    save_picture(path, titled, comment=comment)


def save_contact_sheet(path: Path | str, images: ImageBatch, *, caption: str | None = None) -> None:
    """Write all uint8 images [N, C, H, W] as a grid that is about square."""
    pixels = to_pixels(images)
    count, height, width = pixels.shape[:3]
    columns = min(count, math.ceil(math.sqrt(count * height / width)))
    save_grid(path, images, math.ceil(count / columns), columns, caption=caption)
