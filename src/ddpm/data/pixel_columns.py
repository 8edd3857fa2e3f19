"""Columns of a CSV of pixels: which hold the pixels, the label and the split."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

_LABEL_NAMES = ("label", "labels", "class", "target", "y", "emotion", "letter", "digit", "category")
_OTHER_NAMES = ("", "id", "index", "idx", "unnamed: 0", "image_id", "imageid", "filename", "name")
_SPLIT_NAMES = ("usage", "split", "set")
_PIXEL_NAME = re.compile(r"(pixel|pix|px|p|x|v|f)?[ _.]?\d+([x_.]\d+)*")
_MIN_PIXELS = 16


@dataclass(frozen=True)
class PixelColumns:
    """Columns of a table of pixels."""

    has_header: bool
    width: int  # number of columns
    pixels: tuple[int, ...]  # one column may hold all pixels of an image, separated by blanks
    shape: tuple[int, int, int]  # channels, height, width
    label: int | None = None
    split: int | None = None  # marks training and test images

    @property
    def is_packed(self) -> bool:
        """Whether one column holds all pixels of an image."""
        return len(self.pixels) == 1


def find_columns(first: Sequence[str], second: Sequence[str]) -> PixelColumns | None:
    """Return the columns of a table with these first two rows; None if they hold no square images.

    A column beside the pixels is the label: the one called so, else the first. Columns such as `id` are
    neither.
    """
    has_header = _is_header(first)
    body = second if has_header else first
    names = [cell.strip().casefold() for cell in first] if has_header else [""] * len(first)
    split = next((names.index(name) for name in _SPLIT_NAMES if name in names), None)
    label = next((names.index(name) for name in _LABEL_NAMES if name in names), None)
    packed = [i for i, cell in enumerate(body[: len(first)]) if _is_packed(cell)]
    if packed:
        pixels, count = packed[:1], len(body[packed[0]].split())
        others = [i for i in range(len(names)) if i not in (packed[0], split)]
        label = next(iter(others), None) if label is None else label
    else:
        pixels, label = _pixels_and_label(names, body, label, has_header)
        count = len(pixels)
    shape = square_shape(count)
    if shape is None:
        return None
    return PixelColumns(has_header, len(first), tuple(pixels), shape, label, split)


def _pixels_and_label(
    names: Sequence[str], body: Sequence[str], label: int | None, has_header: bool
) -> tuple[list[int], int | None]:
    """Return the columns of one pixel each, and the label's; a square number of columns are pixels."""
    columns = [i for i in range(len(names)) if i != label]
    if square_shape(len(columns)):
        return columns, label
    if has_header:
        columns = [i for i in columns if names[i] not in _OTHER_NAMES]
        numbered = [i for i in columns if _PIXEL_NAME.fullmatch(names[i])]
        others = [i for i in columns if i not in numbered]
        if square_shape(len(numbered)) and len(others) <= 1:
            return numbered, label if label is not None else next(iter(others), None)
    if label is None and columns and not square_shape(len(columns)):
        label = columns[0] if not body or _is_number(body[-1]) else columns[-1]
        columns = [i for i in columns if i != label]
    return columns, label


def _is_header(row: Sequence[str]) -> bool:
    """Return whether a first row holds names: text, or the numbers of the columns in order.

    A text at one end may be a label.
    """
    inner = row[1:-1] or row
    if not all(_is_number(cell) or _is_packed(cell) for cell in inner):
        return True
    numbers = [float(cell) for cell in inner if _is_number(cell)]
    steps = {b - a for a, b in itertools.pairwise(numbers)}
    return len(numbers) >= _MIN_PIXELS - 2 and steps == {1.0}


def square_shape(count: int) -> tuple[int, int, int] | None:
    """Return (channels, height, width) of a square image with so many values; None if there is none."""
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if count >= _MIN_PIXELS and channels * side * side == count:
            return channels, side, side
    return None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_packed(cell: str) -> bool:
    """Return whether a cell holds the pixels of an image, separated by blanks."""
    words = cell.split()
    return square_shape(len(words)) is not None and all(map(_is_number, words))
