"""Pictures read back: is a file the JPEG that its name says, and which images stand in its grid."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from ddpm.errors import RequestError
from ddpm.visuals.layout import Images, Layout

_LARGEST_PICTURE = 50_000_000  # pixels; a hand-in's pictures have less than one million
_WHITE = 240  # mean grey value of a gap, at least: JPEG of quality 95 leaves 253 next to noise
_UNEVEN = 4.0  # mean deviation within a square, at most: JPEG leaves 2.5 of noise, less of images
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")


def open_jpeg(content: bytes) -> Image.Image:
    """The decoded picture of a JPEG file; RequestError, the reason in words, where it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(io.BytesIO(content), formats=_FORMATS)
            if picture.format != "JPEG":
                raise RequestError(
                    f"is a {picture.format} file under the name of a JPEG; save it as JPEG, "
                    "renaming does not change what it is"
                )
            if picture.width * picture.height > _LARGEST_PICTURE:
                raise RequestError(
                    f"has {picture.width}x{picture.height} pixels, which is too much"
                )
            picture.load()
        except (UnidentifiedImageError, Image.DecompressionBombError, Warning) as error:
            raise RequestError("is not a JPEG file, nor any other picture") from error
        except (OSError, SyntaxError, ValueError) as error:
            if isinstance(error, RequestError):
                raise
            raise RequestError(f"is a damaged JPEG file ({error})") from error
    return picture


def read_grid(picture: Image.Image, layout: Layout, channels: int) -> Images:
    """The images uint8 [rows·columns, channels, H, W] of a grid in the top left corner.

    Every image pixel is the mean of its scale x scale square. RequestError, the reason in words,
    where the picture is too small, the gaps are not white or the squares not even: then it was
    cropped, resized or laid out otherwise.
    """
    height, width = layout.size
    words = f"{layout.rows}x{layout.columns} cells of {layout.height}x{layout.width}"
    if picture.height < height or picture.width < width:
        raise RequestError(
            f"is {picture.width}x{picture.height} pixels, but {words}, {layout.scale} times as "
            f"large with gaps of {layout.gap}, need {width}x{height}"
        )
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))[:height, :width]
    pixels = pixels.reshape(height, width, channels).astype(np.float64)
    if any(gap.mean() < _WHITE for gap in _gaps(pixels, layout)):
        raise RequestError(f"shows no white gaps where {words} have them")
    squares = np.stack([_squares(pixels, layout, i) for i in range(layout.rows * layout.columns)])
    means = squares.mean(axis=(2, 4))  # [N, H, W, C] of [N, H, scale, W, scale, C]
    if np.abs(squares - means[:, :, None, :, None]).mean() > _UNEVEN:
        raise RequestError(f"was resized: its cells are no whole multiples of {words}")
    images: Images = np.rint(means).astype(np.uint8).transpose(0, 3, 1, 2)
    return images


def _gaps(pixels: np.ndarray, layout: Layout) -> list[np.ndarray]:
    """The strips between rows and between columns, [H, W, C] each; none where there is no gap."""
    (height, width), gap = layout.cell, layout.gap
    below = [(height + gap) * row + height for row in range(layout.rows - 1)]
    beside = [(width + gap) * column + width for column in range(layout.columns - 1)]
    strips = [pixels[y : y + gap] for y in below] + [pixels[:, x : x + gap] for x in beside]
    return [strip for strip in strips if strip.size]


def _squares(pixels: np.ndarray, layout: Layout, index: int) -> np.ndarray:
    """A cell as [H, scale, W, scale, C]."""
    (top, left), (height, width) = layout.corner(index), layout.cell
    cell = pixels[top : top + height, left : left + width]
    return cell.reshape(layout.height, layout.scale, layout.width, layout.scale, -1)
