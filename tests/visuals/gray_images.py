"""Images of one gray value each, and their place in a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def flat(values: list[int], channels: int = 1, size: int = 8) -> NDArray[np.uint8]:
    """Return images [N, channels, size, size] of one gray value each."""
    shape = (len(values), channels, size, size)
    return np.broadcast_to(np.array(values, np.uint8)[:, None, None, None], shape).copy()


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def center(picture: NDArray[np.uint8], value: int) -> tuple[float, float]:
    """Return (row, column) of the center of the image of this gray value; pixels of text are ignored."""
    same = picture == value
    solid = same[:-2, :-2] & same[1:-1, 1:-1] & same[2:, 2:] & same[2:, :-2] & same[:-2, 2:]
    row, column = np.argwhere(solid).mean(axis=0)
    return float(row), float(column)
