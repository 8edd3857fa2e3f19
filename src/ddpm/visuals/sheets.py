"""Sheets for a blind comparison by eye: numbered images or pairs, without their origin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.annotations import annotate
from ddpm.visuals.layout import ImageBatch, fit_layout, tile, to_pixels
from ddpm.visuals.panels import append_note, arrange
from ddpm.visuals.saving import save_picture

_WIDTH = 860  # pixels, approximately
_COLUMNS = 8
_PAIRS_PER_ROW = 3
_FIGURE_SPACE = "\u2007"  # as wide as a digit
_SIDES = ("left", "right")


def save_numbered_sheet(path: Path | str, images: ImageBatch, *, note: str = "") -> None:
    """Write uint8 images [N, C, H, W], eight per row, numbered from 1."""
    pixels = to_pixels(images)
    layout = fit_layout(1, _COLUMNS, pixels.shape[1:3], width=_WIDTH, gap=8)
    blocks = []
    for start in range(0, len(pixels), _COLUMNS):
        part = pixels[start : start + _COLUMNS]
        numbers = [str(start + i + 1) for i in range(len(part))]
        blocks.append(annotate(Image.fromarray(tile(part, layout)), layout, column_titles=numbers))
    save_picture(path, append_note(arrange(blocks, 1, space=10), note))


def save_paired_sheet(
    path: Path | str, left: ImageBatch, right: ImageBatch, *, note: str = ""
) -> None:
    """Write pairs of uint8 images [N, C, H, W], three per row, numbered from 1.

    Raises RequestError if `left` and `right` differ in shape.
    """
    sides = to_pixels(left), to_pixels(right)
    if sides[0].shape != sides[1].shape:
        raise RequestError("Pairs need equally many images of the same shape on both sides.")
    layout = fit_layout(1, 2, sides[0].shape[1:3], width=_WIDTH * 2 // _COLUMNS, gap=4)
    last = len(sides[0])
    blocks = [
        annotate(
            Image.fromarray(tile(np.stack(pair), layout)),
            layout,
            column_titles=_SIDES,
            row_titles=[str(number).rjust(len(str(last)), _FIGURE_SPACE)],
        )
        for number, pair in enumerate(zip(*sides, strict=True), start=1)
    ]
    save_picture(path, append_note(arrange(blocks, _PAIRS_PER_ROW), note))
