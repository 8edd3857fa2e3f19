"""The images in the cells of a handed-in grid, and fingerprints that survive JPEG and resizing."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ddpm.data.image_files import Images
from ddpm.errors import RequestError
from ddpm.visuals.grid_mark import read_grid_mark
from ddpm.visuals.grid_reader import read_grid
from ddpm.visuals.layout import Layout

ROWS = COLUMNS = 5
_MAX_SCALE, _MAX_GAP = 16, 4
_SIDE, _LOW = 32, 8  # pixels of a reduced image; its lowest frequencies a side
_MIN_SPREAD = 2.0  # standard deviation in gray levels below which an image has no fingerprint
NEAR_BITS = 4  # of 63: two JPEGs of one image differ by fewer, two images by more


def grid_images(picture: Image.Image, side: int) -> Images | None:
    """Return the 25 images uint8 [25, C, side, side] of a grid; None if they cannot be found.

    A grid of ddpm says where they are. Others are cut if their size is exactly that of 5x5 cells, each a
    whole multiple of `side`, with an equal gap between them and perhaps around them, or white gaps and a
    caption below.
    """
    try:
        mark = read_grid_mark(picture)
        if mark is not None:
            fits = (mark.layout.rows, mark.layout.columns) == (ROWS, COLUMNS)
            return read_grid(picture, mark.layout, mark.channels) if fits else None
    except RequestError:
        return None
    return _cut(picture, side)


def _cut(picture: Image.Image, side: int) -> Images | None:
    """Return the cells of a grid of another program, by its size alone."""
    channels = 1 if picture.mode in ("1", "L") else 3
    for scale, gap, margin in itertools.product(
        range(1, _MAX_SCALE + 1), range(_MAX_GAP + 1), (0, 1)
    ):
        length = COLUMNS * side * scale + (COLUMNS - 1 + 2 * margin) * gap
        if picture.width == length < picture.height and gap and not margin:
            with contextlib.suppress(RequestError):  # no grid above a caption
                return read_grid(picture, Layout(ROWS, COLUMNS, side, side, scale, gap), channels)
        elif picture.size == (length, length):
            inset = margin * gap
            inner = picture.crop((inset, inset, length - inset, length - inset))
            return _means(inner, Layout(ROWS, COLUMNS, side, side, scale, gap), channels)
    return None


def _means(picture: Image.Image, layout: Layout, channels: int) -> Images:
    """Return the mean of each scale x scale square of every cell."""
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"), np.float64)
    pixels = pixels.reshape(*pixels.shape[:2], channels)
    (height, width), side, scale = layout.cell, layout.height, layout.scale
    cells = []
    for index in range(layout.rows * layout.columns):
        top, left = layout.corner(index)
        cell = pixels[top : top + height, left : left + width]
        cells.append(cell.reshape(side, scale, side, scale, channels).mean(axis=(1, 3)))
    found: Images = np.rint(np.stack(cells)).astype(np.uint8).transpose(0, 3, 1, 2)
    return found


def fingerprint(picture: Image.Image) -> str:
    """Return 16 hexadecimal digits that near-equal pictures share but for a few bits; "" for a flat one.

    The signs of the 63 lowest frequencies of the cosine transform, less their median (Zauner 2010,
    "Implementation and benchmarking of perceptual image hash functions", section 3.2.1).
    """
    gray = np.asarray(picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX), float)
    if gray.std() < _MIN_SPREAD:
        return ""
    angles = np.outer(np.arange(_LOW), 2 * np.arange(_SIDE) + 1) * np.pi / (2 * _SIDE)
    low = (np.cos(angles) @ gray @ np.cos(angles).T).reshape(-1)[1:]
    bits = low > np.median(low)
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def cell_fingerprints(images: Images) -> list[str]:
    """Return the fingerprint of each image uint8 [N, C, H, W]."""
    pixels = images[:, 0] if images.shape[1] == 1 else np.moveaxis(images, 1, -1)
    return [fingerprint(Image.fromarray(np.ascontiguousarray(image))) for image in pixels]


def matching_cells(one: Sequence[str], other: Sequence[str], bits: int = NEAR_BITS) -> int:
    """Return how many cells of one grid have a near-equal cell in another, in any order, each used once.

    Cells are near-equal if their fingerprints differ in at most `bits` of 63 bits.
    """
    left = [int(text, 16) for text in other if text]
    count = 0
    for value in (int(text, 16) for text in one if text):
        near = [index for index, b in enumerate(left) if (value ^ b).bit_count() <= bits]
        if near:
            left.pop(near[0])
            count += 1
    return count
