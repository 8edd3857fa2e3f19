"""Reader of JPEG grids: the picture, and the images that it shows."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from ddpm.errors import RequestError
from ddpm.visuals.layout import ImageBatch, Layout

_MAX_PIXELS = 50_000_000  # a grid has less than one million
_MIN_WHITE = 240  # least mean value of a gap; JPEG of quality 95 leaves 253 next to noise
_MAX_DEVIATION = 4.0  # largest mean deviation within a square; JPEG leaves 2.5 in pure noise
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")


def open_jpeg(content: bytes) -> Image.Image:
    """Return the decoded picture of a JPEG file.

    Raises RequestError if it is not a JPEG. The caller prepends the file name to the message.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(io.BytesIO(content), formats=_FORMATS)
            if picture.format != "JPEG":
                raise RequestError(
                    f"is a {picture.format} file with the name of a JPEG; save it as JPEG, renaming does "
                    "not convert it"
                )
            if picture.width * picture.height > _MAX_PIXELS:
                raise RequestError(
                    f"has {picture.width}x{picture.height} pixels; at most {_MAX_PIXELS:,} are allowed"
                )
            picture.load()
        except (UnidentifiedImageError, Image.DecompressionBombError, Warning) as error:
            raise RequestError("is not a JPEG file or any other picture") from error
        except (OSError, SyntaxError, ValueError) as error:
            if isinstance(error, RequestError):
                raise
            raise RequestError(f"is a damaged JPEG file ({error})") from error
    return picture


def read_grid(picture: Image.Image, layout: Layout, channels: int) -> ImageBatch:
    """Return the images uint8 [rows·columns, channels, H, W] of a grid in the top left corner.

    An image pixel is the mean of its scale x scale square. Raises RequestError if the picture was
    cropped or resized, or has another layout: too few pixels, gaps that are not white, or uneven squares.
    """
    height, width = layout.size
    cells = f"{layout.rows}x{layout.columns} cells of {layout.height}x{layout.width}"
    if picture.height < height or picture.width < width:
        raise RequestError(
            f"is {picture.width}x{picture.height} pixels, but {cells}, {layout.scale} times as "
            f"large with gaps of {layout.gap}, need {width}x{height}"
        )
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))[:height, :width]
    pixels = pixels.reshape(height, width, channels).astype(np.float64)
    if any(gap.mean() < _MIN_WHITE for gap in _gaps(pixels, layout)):
        raise RequestError(f"has no white gaps between {cells}")
    squares = np.stack([_squares(pixels, layout, i) for i in range(layout.rows * layout.columns)])
    means = squares.mean(axis=(2, 4))  # [N, H, W, C] of [N, H, scale, W, scale, C]
    if np.abs(squares - means[:, :, None, :, None]).mean() > _MAX_DEVIATION:
        raise RequestError(f"was resized: its cells are not whole multiples of {cells}")
    images: ImageBatch = np.rint(means).astype(np.uint8).transpose(0, 3, 1, 2)
    return images


def _gaps(pixels: np.ndarray, layout: Layout) -> list[np.ndarray]:
    """Return the gaps between rows and between columns, each [H, W, C]; [] if there are none."""
    (height, width), gap = layout.cell, layout.gap
    below = [(height + gap) * row + height for row in range(layout.rows - 1)]
    beside = [(width + gap) * column + width for column in range(layout.columns - 1)]
    gaps = [pixels[y : y + gap] for y in below] + [pixels[:, x : x + gap] for x in beside]
    return [strip for strip in gaps if strip.size]


def _squares(pixels: np.ndarray, layout: Layout, index: int) -> np.ndarray:
    """Return a cell as [H, scale, W, scale, C]."""
    (top, left), (height, width) = layout.corner(index), layout.cell
    cell = pixels[top : top + height, left : left + width]
    return cell.reshape(layout.height, layout.scale, layout.width, layout.scale, -1)
