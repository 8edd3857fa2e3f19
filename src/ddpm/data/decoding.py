"""From the bytes of any image file to uint8 [C, H, W], by one rule.

1. The first frame, turned as its EXIF orientation says.
2. Grey stays grey (also 16 bits a pixel, scaled by 1/257); what is transparent lies on white;
   CMYK, palettes and the rest become RGB.
3. The largest centred window of the target's aspect is resized to the target with Pillow's LANCZOS
   filter, whose width grows with the reduction, so that nothing aliases: the shorter side is
   fitted, the longer one cropped, the aspect kept. Smaller images are enlarged by the same rule.
   Where the shorter side already fits, pixels are only cropped and stay as they are.
4. One channel: luma (ITU-R 601, Pillow's "L"). Three channels: grey is repeated.

LANCZOS because, of Pillow's filters, it keeps most detail at the small sizes trained on here. A
JPEG far larger than the target is first decoded at 1/2, 1/4 or 1/8 of its size, never below four
times the target: several times faster, and the filter hardly sees a difference.
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

from ddpm.data.image_source import BrokenImageError, printable_name

RULE = 1  # part of every cache key: count up when the rule above changes

MAX_PIXELS = 89_478_485  # pixels, Pillow's own limit: 256 MiB of RGB
MIN_SIDE = 2
_LARGE = 1 << 24  # pixels; of images above this, two at a time are in memory
_MOST_SCANS = (
    500  # of a JPEG; honest ones have about ten, and each takes time for all of its pixels
)
_DRAFT = 4  # times the target's longer side: what a reduced JPEG keeps at least
_large_images = threading.BoundedSemaphore(2)

# By content, whatever the name; no format that hands its bytes to another program.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_PHONE_BRANDS = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1", b"ftypavif")
_ORIENTATION = 0x0112  # EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
GRAY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N"}  # Pillow's


class Header(NamedTuple):
    """What an image file says of itself; the size is that after turning."""

    height: int
    width: int
    mode: str  # Pillow's: L, RGB, P, …

    @property
    def grey(self) -> bool:
        return self.mode in GRAY_MODES


def read_header(item: bytes | NDArray[np.uint8]) -> Header:
    """Size and mode without decoding; BrokenImageError where the item cannot be used."""
    if isinstance(item, np.ndarray):
        _check_size(item.shape[2], item.shape[1])
        return Header(item.shape[1], item.shape[2], "L" if len(item) == 1 else "RGB")
    with _opened(item) as image, _room_for(image):
        width, height = image.size
        turned = _orientation(image) >= 5  # for which a PNG is decoded to its end
        return Header(width, height, image.mode) if turned else Header(height, width, image.mode)


def decode(
    item: bytes | NDArray[np.uint8], size: tuple[int, int], channels: int
) -> NDArray[np.uint8]:
    """An image file, or uint8 [C', H', W'], as uint8 [channels, *size]; size is (height, width).

    BrokenImageError, with the reason, where it cannot be decoded.
    """
    if isinstance(item, np.ndarray):
        if item.shape == (channels, *size):
            return item
        _check_size(item.shape[2], item.shape[1])
        return _to_array(_fit(_from_array(item), size), channels)
    with _upright(item, _DRAFT * max(size)) as image:
        return _to_array(_fit(image, size), channels)


@contextlib.contextmanager
def ignore_pillow_warnings() -> Iterator[None]:
    """No warnings from decoding; entered once around all threads, as filters belong to all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """The first frame, not decoded yet; whatever Pillow raises becomes a reason in plain words."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_size(*image.size)
            if image.format == "JPEG" and data.count(b"\xff\xda") > _MOST_SCANS:
                raise BrokenImageError(f"has more than {_MOST_SCANS} scans, which no camera makes")
            yield image
    except BrokenImageError:
        raise
    except UnidentifiedImageError as error:
        raise BrokenImageError(_what_else(data)) from error
    except Image.DecompressionBombError as error:
        raise BrokenImageError(f"has more than {MAX_PIXELS:,} pixels") from error
    except MemoryError as error:
        raise BrokenImageError("does not fit into memory") from error
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        raise BrokenImageError(f"cannot be decoded ({printable_name(str(error))})") from error


def _what_else(data: bytes) -> str:
    """Why bytes that Pillow does not know are no image."""
    if data[4:12] in _PHONE_BRANDS:
        return "is a HEIC or AVIF picture, which cannot be read; save it as JPEG or PNG"
    return "is not an image" if data else "is empty"


def _check_size(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise BrokenImageError(f"is too small ({height}x{width} pixels)")
    if width * height > MAX_PIXELS:
        raise BrokenImageError(f"has more than {MAX_PIXELS:,} pixels ({height}x{width})")


@contextlib.contextmanager
def _upright(data: bytes, enough: int) -> Iterator[Image.Image]:
    """Steps 1 and 2: an image of mode L or RGB, of which ``enough`` pixels a side will do."""
    with _opened(data) as image:
        image.draft(None, (enough, enough))
        with _room_for(image):
            turn = _TURNS.get(_orientation(image))
            plain = _plain(image)
            yield plain if turn is None else plain.transpose(turn)


def _room_for(image: Image.Image) -> contextlib.AbstractContextManager[object]:
    """Held while an image is decoded: large ones wait for one another."""
    return _large_images if image.width * image.height > _LARGE else contextlib.nullcontext()


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing about the pixels
        return 1


def _plain(image: Image.Image) -> Image.Image:
    """Step 2."""
    if image.mode.startswith("I"):
        return _from_16_bits(np.asarray(image))
    if image.mode == "F":
        raise BrokenImageError("has floating-point pixels, whose white nobody knows")
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        white = Image.new("RGBA", colour.size, "white")
        return Image.alpha_composite(white, colour).convert("RGB")
    mode = "L" if image.mode in GRAY_MODES else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _from_16_bits(values: NDArray[np.integer[Any]]) -> Image.Image:
    if values.min() < 0 or values.max() > 65535:
        raise BrokenImageError("has 32-bit pixels, whose white nobody knows")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _from_array(item: NDArray[np.uint8]) -> Image.Image:
    pixels = item[0] if len(item) == 1 else item.transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Step 3."""
    height, width = size
    scale = min(image.width / width, image.height / height)  # source pixels in one of the target's
    if image.size == (width, height):
        return image
    if scale == 1:
        x, y = (image.width - width) // 2, (image.height - height) // 2
        return image.crop((x, y, x + width, y + height))
    # Halves of what is cut away; rounding must not put the window outside the image.
    left = max(0.0, (image.width - scale * width) / 2)
    top = max(0.0, (image.height - scale * height) / 2)
    window = (left, top, image.width - left, image.height - top)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=window)


def _to_array(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    """Step 4."""
    mode = "L" if channels == 1 else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
