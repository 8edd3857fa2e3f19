"""Strips: images (rows) in several states (columns), with a title above each column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.annotations import annotate, text_width
from ddpm.visuals.layout import ImageBatch, Layout, fit_layout, tile, to_pixels
from ddpm.visuals.saving import save_picture

_WIDTH = 720  # pixels, approximately
_MAX_TITLE_WIDTH = 120  # pixels; a longer title is truncated


def save_strip(
    path: Path | str,
    columns: Sequence[tuple[str, ImageBatch]],
    *,
    row_titles: Sequence[str] | None = None,
    title: str | None = None,
) -> None:
    """Write columns of (title, uint8 images [N, C, H, W]), the same N images in every column.

    The forward process has one column per noise level, inpainting has image, mask and result. Gray and
    color columns may be mixed. Raises RequestError without columns, or for columns of different
    shapes.
    """
    if not columns or len({np.shape(images)[0] for _, images in columns}) > 1:
        raise RequestError("A strip needs at least one column, and equally many images in each.")
    stacked = np.stack(_to_same_mode([to_pixels(images) for _, images in columns]), axis=1)
    rows, count = stacked.shape[:2]
    titles = [column_title for column_title, _ in columns]
    layout = _widen(fit_layout(rows, count, stacked.shape[2:4], width=_WIDTH), titles)
    picture = Image.fromarray(tile(stacked.reshape(rows * count, *stacked.shape[2:]), layout))
    titled = annotate(picture, layout, title=title, column_titles=titles, row_titles=row_titles)
    save_picture(path, titled)


def _widen(layout: Layout, titles: Sequence[str]) -> Layout:
    """Return `layout` with cells wide enough for the titles, up to `_MAX_TITLE_WIDTH`."""
    widest = min(max(text_width(text) for text in titles), _MAX_TITLE_WIDTH)
    return replace(layout, scale=max(layout.scale, math.ceil(widest / layout.width)))


def _to_same_mode(columns: list[ImageBatch]) -> list[ImageBatch]:
    """Return all columns in color if one of them is. Raises RequestError for different image sizes."""
    if len({pixels.shape[1:3] for pixels in columns}) > 1:
        raise RequestError("The images of a strip must have the same size.")
    if all(pixels.ndim == 3 for pixels in columns):
        return columns
    return [
        pixels if pixels.ndim == 4 else np.repeat(pixels[..., None], 3, axis=-1)
        for pixels in columns
    ]
