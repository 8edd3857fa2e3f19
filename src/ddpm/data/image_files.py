"""data.image_files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.data.decoding import Header, decode, read_header
from ddpm.data.image_source import BrokenImageError
from ddpm.errors import RequestError

Images = NDArray[np.uint8]


def read_image(path: Path, shape: tuple[int, int, int] | None = None) -> Images:
    """An image file as [C, H, W], brought to `shape` by the rule of all data; RequestError if it is none."""
    with _said_of(path):
        content = path.read_bytes()
        channels, *size = _shape(read_header(content)) if shape is None else shape
        return np.array(decode(content, (size[0], size[1]), channels))


def image_shape(path: Path) -> tuple[int, int, int]:
    """Channels, height and width of an image file after turning; RequestError if it is none."""
    with _said_of(path):
        return _shape(read_header(path.read_bytes()))


def _shape(header: Header) -> tuple[int, int, int]:
    return (1 if header.grey else 3, header.height, header.width)


@contextlib.contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """A file that cannot be read, or is no image, is a wrong request."""
    try:
        yield
    except (OSError, BrokenImageError) as error:
        reason = f"cannot be read ({error.strerror})" if isinstance(error, OSError) else error
        raise RequestError(f"{path} {reason}; give a PNG, a JPEG or the like.") from error
