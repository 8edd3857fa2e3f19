"""Several titled grids in one picture, such as real images beside those of each model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.annotations import annotate, truncate_text
from ddpm.visuals.layout import ImageBatch, Layout, fit_layout, tile, to_pixels
from ddpm.visuals.saving import save_picture
from ddpm.visuals.style import BACKGROUND, TEXT_SIZE, TITLE_SIZE

_PANEL_WIDTH = 380  # pixels, approximately
_SPACE = 24  # pixels between panels
_MAX_COLUMNS = 3


@dataclass(frozen=True)
class GridPanel:
    """Images uint8 [N, C, H, W] with a title and a caption."""

    title: str
    images: ImageBatch
    caption: str = ""


def save_grid_panels(
    path: Path | str, panels: Sequence[GridPanel], rows: int, columns: int, *, note: str = ""
) -> None:
    """Write panels of rows x columns images, up to three side by side, with `note` below.

    Raises RequestError without panels, or for images of different shapes.
    """
    pixels = [to_pixels(panel.images) for panel in panels]
    if not pixels or len({image.shape[1:] for image in pixels}) > 1:
        raise RequestError(
            "Panels need at least one grid, and images of the same shape in all of them."
        )
    layout = fit_layout(rows, columns, pixels[0].shape[1:3], width=_PANEL_WIDTH)
    blocks = [
        annotate(
            Image.fromarray(tile(cells, layout)),
            layout,
            title=truncate_title(panel.title, layout.size[1]),
            caption=panel.caption,
        )
        for panel, cells in zip(panels, pixels, strict=True)
    ]
    save_picture(path, append_note(arrange(blocks, panel_columns(len(blocks))), note))


def panel_columns(count: int) -> int:
    """Return the number of columns for `count` panels: at most three, and two for four panels."""
    return 2 if count == 4 else min(count, _MAX_COLUMNS)


def truncate_title(title: str, width: int) -> str:
    """Return `title` truncated to `width` pixels in the title's font size."""
    return truncate_text(title, width * TEXT_SIZE // TITLE_SIZE)


def arrange(blocks: Sequence[Image.Image], columns: int, space: int = _SPACE) -> Image.Image:
    """Return `blocks` in one picture, row by row, in cells of the size of the largest block."""
    width = max(block.width for block in blocks)
    height = max(block.height for block in blocks)
    columns = min(columns, len(blocks))
    rows = -(-len(blocks) // columns)
    size = (columns * (width + space) - space, rows * (height + space) - space)
    sheet = Image.new(blocks[0].mode, size, BACKGROUND)
    for index, block in enumerate(blocks):
        row, column = divmod(index, columns)
        sheet.paste(block, (column * (width + space), row * (height + space)))
    return sheet


def append_note(picture: Image.Image, note: str) -> Image.Image:
    """Return `picture` with `note` below it."""
    layout = Layout(1, 1, picture.height, picture.width, 1)
    return annotate(picture, layout, caption=note) if note else picture
