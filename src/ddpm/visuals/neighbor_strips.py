"""Strips of generated images above their nearest training images, to reveal copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.annotations import annotate
from ddpm.visuals.layout import ImageBatch, fit_layout, tile, to_pixels
from ddpm.visuals.panels import append_note, arrange, truncate_title
from ddpm.visuals.saving import save_picture

_WIDTH = 720  # pixels, approximately
_ROWS = ("generated", "nearest")


@dataclass(frozen=True)
class NeighborStrip:
    """N generated images and their nearest training images, both uint8 [N, C, H, W]."""

    title: str
    images: ImageBatch
    nearest: ImageBatch
    ratios: Sequence[float]  # distance to the nearest over distance to the second nearest


def save_neighbor_strips(
    path: Path | str, strips: Sequence[NeighborStrip], *, note: str = ""
) -> None:
    """Write two rows of images for each strip, with the ratio d1/d2 above each column.

    Raises RequestError without strips, or if they differ in number or shape of images.
    """
    cells = [to_pixels(np.concatenate([strip.images, strip.nearest])) for strip in strips]
    if len({block.shape for block in cells}) != 1:
        raise RequestError("Strips need equally many images of the same shape.")
    layout = fit_layout(2, len(cells[0]) // 2, cells[0].shape[1:3], width=_WIDTH)
    blocks = [
        annotate(
            Image.fromarray(tile(block, layout)),
            layout,
            title=truncate_title(strip.title, layout.size[1]),
            column_titles=[f"{ratio:.2f}" for ratio in strip.ratios],
            row_titles=_ROWS,
        )
        for strip, block in zip(strips, cells, strict=True)
    ]
    save_picture(path, append_note(arrange(blocks, 1), note))
