"""Strips: a few images (rows) at a few moments (columns), each column with its title."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.annotations import annotate, text_width
from ddpm.visuals.layout import Images, Layout, fit_layout, tile, to_pixels
from ddpm.visuals.saving import save_picture

_WIDTH = 720  # pixels: strips are long
_WIDEST_TITLE = 120  # pixels; a longer title is shortened rather than its column widened


def save_strip(
    path: Path | str,
    columns: Sequence[tuple[str, Images]],
    *,
    row_titles: Sequence[str] | None = None,
    title: str | None = None,
) -> None:
    """Write columns of (title, uint8 images [N, C, H, W]), the same N images in every column.

    The forward process is one column a noise level; an inpainting is three: image, mask, result.
    Grey and color may be mixed (a mask beside a color image).
    """
    if not columns or len({np.shape(images)[0] for _, images in columns}) > 1:
        raise RequestError("A strip needs at least one column, and as many images in each.")
    stacked = np.stack(_alike([to_pixels(images) for _, images in columns]), axis=1)
    rows, count = stacked.shape[:2]
    titles = [words for words, _ in columns]
    layout = _roomy(fit_layout(rows, count, stacked.shape[2:4], width=_WIDTH), titles)
    picture = Image.fromarray(tile(stacked.reshape(rows * count, *stacked.shape[2:]), layout))
    titled = annotate(picture, layout, title=title, column_titles=titles, row_titles=row_titles)
    save_picture(path, titled)


def _roomy(layout: Layout, titles: Sequence[str]) -> Layout:
    """`layout`, its cells large enough for the titles above them, within reason."""
    widest = min(max(text_width(words) for words in titles), _WIDEST_TITLE)
    return replace(layout, scale=max(layout.scale, math.ceil(widest / layout.width)))


def _alike(columns: list[Images]) -> list[Images]:
    """All columns in color where one is; RequestError where their sizes differ."""
    if len({pixels.shape[1:3] for pixels in columns}) > 1:
        raise RequestError("The images of a strip must have one size.")
    if all(pixels.ndim == 3 for pixels in columns):
        return columns
    return [
        pixels if pixels.ndim == 4 else np.repeat(pixels[..., None], 3, axis=-1)
        for pixels in columns
    ]
