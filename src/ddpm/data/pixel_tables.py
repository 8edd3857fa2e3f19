"""CSV tables of pixels, as on Kaggle: a row per image, with or without a label column."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.data.array_values import class_labels, to_nchw
from ddpm.data.image_source import ImageSource, NumberedNames
from ddpm.errors import RequestError

_LABEL_COLUMNS = ("label", "labels", "class", "target", "y")
_MAX_TABLE_BYTES = 4 << 30
_MIN_PIXELS = 16


def table_source(name: str, path: Path, fingerprint: str) -> ImageSource:
    """Return the images of a CSV such as `label,pixel0,…`: square, gray, or color as R, G, B planes.

    Without a header, the first column holds the labels if one column is left over. Raises RequestError if
    the columns are not the pixels of square images.
    """
    header, first = _first_rows(path)
    label, pixels = _columns(header or first, path, named=bool(header))
    try:
        if path.stat().st_size > _MAX_TABLE_BYTES:
            raise ValueError("too long")
        values = np.loadtxt(
            path,
            np.float32,
            delimiter=",",
            skiprows=int(bool(header)),
            ndmin=2,
            encoding="utf-8-sig",
        )
    except (ValueError, UnicodeDecodeError, MemoryError) as error:
        raise RequestError(
            f"{path} is not a table of numbers. Pass one row of pixels per image."
        ) from error
    side = math.isqrt(len(pixels) // 3) if _is_square(len(pixels) // 3, len(pixels)) else 0
    shape = (3, side, side) if side else (1, *[math.isqrt(len(pixels))] * 2)
    images = to_nchw(values[:, pixels].reshape(-1, *shape), path)
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    if label is not None:
        labels, class_names = class_labels(values[:, label], len(images), path)
    return ImageSource(
        name=name,
        kind="pixel table",
        names=NumberedNames((("", len(images)),)),
        load=lambda index: images[index],
        fingerprint=fingerprint,
        labels=labels,
        class_names=class_names,
    )


def _first_rows(path: Path) -> tuple[list[str], list[str]]:
    """Return the header, empty if there is none, and the first row of numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row, _ in zip(csv.reader(file), range(2), strict=False)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"{path} is not a readable CSV. Save it as UTF-8 text.") from error
    first = rows[0] if rows else []
    if all(_is_number(cell) for cell in first):
        return [], first
    return first, rows[1] if len(rows) > 1 else []


def _columns(cells: list[str], path: Path, *, named: bool) -> tuple[int | None, list[int]]:
    """Return the column of the labels, or None, and those of the pixels."""
    columns = list(range(len(cells)))
    names = [cell.strip().strip('"').lower() for cell in cells]
    label = next((i for i in columns if named and names[i] in _LABEL_COLUMNS), None)
    if label is None and not _is_image(len(columns)):
        label = 0
    pixels = [i for i in columns if i != label]
    if not _is_image(len(pixels)):
        raise RequestError(
            f"{path} has {len(cells)} columns, which are not the pixels of square images. "
            "Pass a CSV such as label,pixel0,pixel1,…"
        )
    return label, pixels


def _is_image(count: int) -> bool:
    square = math.isqrt(count) ** 2 == count
    return count >= _MIN_PIXELS and (square or _is_square(count // 3, count))


def _is_square(third: int, count: int) -> bool:
    return third * 3 == count and math.isqrt(third) ** 2 == third


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
