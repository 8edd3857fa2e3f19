"""Decoding of image files to uint8 [C, H, W].

1. Take the first frame and apply its EXIF orientation.
2. Keep gray images gray (16-bit pixels are scaled by 1/257), put transparent images on white, and
   convert the others (CMYK, palettes, ...) to RGB. With limits (low, high), stored pixel values low … high
   are mapped to 0 … 255 instead, and values beyond them are clipped.
3. Resize the largest centered window with the target's aspect ratio to the target: the shorter side is
   fitted, the longer one cropped. Smaller images are enlarged by the same rule. If the shorter side
   already fits, pixels are cropped and otherwise unchanged.
4. For one channel convert to luma (ITU-R 601, Pillow's "L"); for three, repeat gray.

The filter is Pillow's LANCZOS. Its support grows with the reduction, so it does not alias, and it keeps
the most detail at small sizes. A JPEG much larger than the target is first decoded at 1/2, 1/4 or 1/8 of
its size, but never below four times the target. This is several times faster and hardly changes the result.
"""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ddpm.data.image_source import BrokenImageError
from ddpm.terminal import printable_name

DECODING_VERSION = 1  # of the steps above; part of every cache key

MAX_PIXELS = 89_478_485  # Pillow's own limit: 256 MiB of RGB
MIN_SIDE = 2
_LARGE = 1 << 24  # pixels; at most two images above this are in memory at a time
_MAX_SCANS = 500  # of a JPEG; real ones have about ten, and each scan costs time for all pixels
_DRAFT = 4  # a reduced JPEG keeps at least this multiple of the target's longer side
_large_images = threading.BoundedSemaphore(2)

# Detected by content, not by name. None of them runs an external program.
_FORMATS = (  # TGA has no signature, so it is tried last
    "PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "AVIF", "TIFF", "PPM", "JPEG2000", "ICO", "ICNS", "PCX",
    "SGI", "QOI", "DDS", "PSD", "TGA",
)  # fmt: skip
_HEIC_BRANDS = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1")
_ORIENTATION = 0x0112  # EXIF tag
_ROTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
DEEP_MODES = {"I", "I;16", "I;16L", "I;16B", "I;16N"}  # Pillow's, of 16-bit pixels
Limits = tuple[int, int]  # lowest and highest stored pixel value
GRAY_MODES = {"1", "L", "LA", "La", *DEEP_MODES}


class Header(NamedTuple):
    """Size (after applying the orientation) and mode of an image file."""

    height: int
    width: int
    mode: str  # Pillow's: L, RGB, P, …

    @property
    def gray(self) -> bool:
        """Whether the file stores gray pixels."""
        return self.mode in GRAY_MODES


def read_header(item: bytes | NDArray[Any]) -> Header:
    """Return size and mode without decoding. Raises BrokenImageError if the item is unusable."""
    if isinstance(item, np.ndarray):
        _check_size(item.shape[2], item.shape[1])
        gray = "L" if item.dtype == np.uint8 else "I;16"
        return Header(item.shape[1], item.shape[2], gray if len(item) == 1 else "RGB")
    with _open_image(item) as image, _memory_slot(image):
        width, height = image.size
        transposed = _orientation(image) >= 5  # may decode a whole PNG
        return (
            Header(width, height, image.mode) if transposed else Header(height, width, image.mode)
        )


def decode(
    item: bytes | NDArray[Any],
    size: tuple[int, int],
    channels: int,
    limits: Limits | None = None,
) -> NDArray[np.uint8]:
    """Return an image file, or uint8 or uint16 [C', H', W'], as uint8 [channels, height, width].

    `size` is (height, width). `limits`: the stored pixel values that become 0 and 255; None: no change.
    Raises BrokenImageError, with the reason, if it cannot be decoded.
    """
    if isinstance(item, np.ndarray):
        item = _array_to_8_bits(item, limits)
        if item.shape == (channels, *size):
            return item
        _check_size(item.shape[2], item.shape[1])
        return _to_array(_crop_and_resize(_from_array(item), size), channels)
    with _open_upright(item, _DRAFT * max(size), limits) as image:
        return _to_array(_crop_and_resize(image, size), channels)


def read_limits(item: bytes | NDArray[Any]) -> tuple[int, int, int]:
    """Return the lowest and highest pixel value of an image, and the highest that its depth can hold.

    The depth is 255 or 65535. Raises BrokenImageError if the image cannot be decoded.
    """
    if isinstance(item, np.ndarray):
        return int(item.min()), int(item.max()), 255 if item.dtype == np.uint8 else 65535
    with _open_image(item) as image, _memory_slot(image):
        if image.mode in DEEP_MODES:
            values = _checked_16_bits(np.asarray(image))
            return int(values.min()), int(values.max()), 65535
        pixels = np.asarray(_to_gray_or_rgb(image, None))
        return int(pixels.min()), int(pixels.max()), 255


@contextlib.contextmanager
def ignore_pillow_warnings() -> Iterator[None]:
    """Silence Pillow's warnings. Enter it once around all threads, which share the filters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


@contextlib.contextmanager
def _open_image(data: bytes) -> Iterator[Image.Image]:
    """Open the first frame without decoding it, and turn Pillow's exceptions into BrokenImageError."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_size(*image.size)
            if image.format == "JPEG" and data.count(b"\xff\xda") > _MAX_SCANS:
                raise BrokenImageError(f"has more than {_MAX_SCANS} JPEG scans")
            yield image
    except BrokenImageError:
        raise
    except UnidentifiedImageError as error:
        raise BrokenImageError(_unidentified_reason(data)) from error
    except Image.DecompressionBombError as error:
        raise BrokenImageError(f"has more than {MAX_PIXELS:,} pixels") from error
    except MemoryError as error:
        raise BrokenImageError("does not fit into memory") from error
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        raise BrokenImageError(f"cannot be decoded ({printable_name(str(error))})") from error


def _unidentified_reason(data: bytes) -> str:
    """Return why Pillow does not identify these bytes."""
    if data[4:12] in _HEIC_BRANDS:
        return "is a HEIC image, which cannot be read; save it as JPEG or PNG"
    return "is not an image" if data else "is empty"


def _check_size(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise BrokenImageError(f"is too small ({height}x{width} pixels)")
    if width * height > MAX_PIXELS:
        raise BrokenImageError(f"has more than {MAX_PIXELS:,} pixels ({height}x{width})")


@contextlib.contextmanager
def _open_upright(data: bytes, min_side: int, limits: Limits | None) -> Iterator[Image.Image]:
    """Open an image in mode L or RGB (steps 1 and 2); a JPEG may be reduced to `min_side` pixels a side."""
    with _open_image(data) as image:
        image.draft(None, (min_side, min_side))
        with _memory_slot(image):
            rotation = _ROTATIONS.get(_orientation(image))
            plain = _to_gray_or_rgb(image, limits)
            yield plain if rotation is None else plain.transpose(rotation)


def _memory_slot(image: Image.Image) -> contextlib.AbstractContextManager[object]:
    """Return a context that limits how many large images are decoded at once."""
    return _large_images if image.width * image.height > _LARGE else contextlib.nullcontext()


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # the pixels may be fine although the EXIF is damaged
        return 1


def _to_gray_or_rgb(image: Image.Image, limits: Limits | None) -> Image.Image:
    """Convert to mode L or RGB (step 2)."""
    if image.mode in DEEP_MODES:
        return Image.fromarray(_to_8_bits(_checked_16_bits(np.asarray(image)), limits))
    plain = _to_8_bit_image(image)
    return plain if limits is None else Image.fromarray(_stretch(np.asarray(plain), limits))


def _to_8_bit_image(image: Image.Image) -> Image.Image:
    """Convert an image of at most 8 bits per channel to mode L or RGB."""
    if image.mode == "F":
        raise BrokenImageError(
            "has floating-point pixels of unknown range; save it with 8 bits per channel"
        )
    if image.has_transparency_data:
        color = image.convert("RGBA")
        white = Image.new("RGBA", color.size, "white")
        return Image.alpha_composite(white, color).convert("RGB")
    mode = "L" if image.mode in GRAY_MODES else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _checked_16_bits(values: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """Return the values. Raises BrokenImageError if they are outside 0 … 65535."""
    if values.min() < 0 or values.max() > 65535:
        raise BrokenImageError(
            "has 32-bit pixels of unknown range; save it with 8 bits per channel"
        )
    return values


def _to_8_bits(values: NDArray[np.integer[Any]], limits: Limits | None) -> NDArray[np.uint8]:
    """Return (value - low) / (high - low) * 255, rounded and clipped; without limits, value / 257."""
    low, high = limits or (0, 65535)
    span = high - low
    above = values.clip(low, high).astype(np.uint32) - np.uint32(low)
    return ((above * 255 + span // 2) // span).astype(np.uint8)


def _array_to_8_bits(item: NDArray[Any], limits: Limits | None) -> NDArray[np.uint8]:
    if item.dtype != np.uint8:
        return _to_8_bits(item, limits)
    return item if limits is None else _stretch(item, limits)


def _stretch(pixels: NDArray[np.uint8], limits: Limits) -> NDArray[np.uint8]:
    """Map 8-bit pixels low … high to 0 … 255. Raises BrokenImageError if `limits` need 16 bits."""
    if limits[1] > 255:
        raise BrokenImageError(f"has 8-bit pixels, but data.range is {limits[0]}:{limits[1]}")
    return _to_8_bits(np.arange(256), limits)[pixels]


def _from_array(item: NDArray[np.uint8]) -> Image.Image:
    pixels = item[0] if len(item) == 1 else item.transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _crop_and_resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Crop and resize to (height, width) (step 3)."""
    height, width = size
    scale = min(image.width / width, image.height / height)  # source pixels per target pixel
    if image.size == (width, height):
        return image
    if scale == 1:
        x, y = (image.width - width) // 2, (image.height - height) // 2
        return image.crop((x, y, x + width, y + height))
    # The margins cut off on each side; rounding must not move the window out of the image.
    left = max(0.0, (image.width - scale * width) / 2)
    top = max(0.0, (image.height - scale * height) / 2)
    window = (left, top, image.width - left, image.height - top)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=window)


def _to_array(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    """Convert to uint8 [channels, H, W] (step 4)."""
    mode = "L" if channels == 1 else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
