"""Single image files that a user passes to a command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.data.decoding import Header, decode, read_header
from ddpm.data.image_source import BrokenImageError
from ddpm.data.value_range import parse_range, range_for
from ddpm.errors import RequestError

Images = NDArray[np.uint8]  # [N, C, H, W] or [C, H, W]


def read_image(
    path: Path, shape: tuple[int, int, int] | None = None, value_range: str = "full"
) -> Images:
    """Return an image file as uint8 [C, H, W], of `shape` if given, stretched like a run's images.

    `value_range`: the run's `data.range`. Raises RequestError if it is not an image.
    """
    with _as_request_errors(path):
        content = path.read_bytes()
        header = read_header(content)
        channels, *size = _shape(header) if shape is None else shape
        limits = parse_range(range_for(value_range, {header.mode: 1}))
        known = None if limits == "auto" else limits
        return np.array(decode(content, (size[0], size[1]), channels, known))


def image_shape(path: Path) -> tuple[int, int, int]:
    """Return channels, height and width of an image file. Raises RequestError if it is not an image."""
    with _as_request_errors(path):
        return _shape(read_header(path.read_bytes()))


def _shape(header: Header) -> tuple[int, int, int]:
    return (1 if header.gray else 3, header.height, header.width)


@contextlib.contextmanager
def _as_request_errors(path: Path) -> Iterator[None]:
    """Raise RequestError if the block cannot read the file or it is not an image."""
    try:
        yield
    except (OSError, BrokenImageError) as error:
        reason = f"cannot be read ({error.strerror})" if isinstance(error, OSError) else error
        raise RequestError(f"{path} {reason}. Pass an image such as a PNG or JPEG.") from error
