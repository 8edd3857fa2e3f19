"""Generated images above the training image each is nearest to: copies would show here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.annotations import annotate
from ddpm.visuals.layout import Images, fit_layout, tile, to_pixels
from ddpm.visuals.panels import append_note, arrange, truncate_title
from ddpm.visuals.saving import save_picture

_WIDTH = 720  # pixels, wished
_ROWS = ("generated", "nearest")


@dataclass(frozen=True)
class NeighborStrip:
    """N generated images and the nearest training image of each, uint8 [N, C, H, W] both."""

    title: str
    images: Images
    nearest: Images
    ratios: Sequence[float]  # distance to the nearest over distance to the second nearest


def save_neighbor_strips(
    path: Path | str, strips: Sequence[NeighborStrip], *, note: str = ""
) -> None:
    """Write two rows of images a strip, the ratio d1/d2 above each column.

    RequestError where there is no strip, or their images differ in number or size.
    """
    cells = [to_pixels(np.concatenate([strip.images, strip.nearest])) for strip in strips]
    if len({block.shape for block in cells}) != 1:
        raise RequestError("Strips need as many images of one shape in every one of them.")
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
