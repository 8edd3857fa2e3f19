"""Pictures written to disk atomically, as PNG or JPEG by the file name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ddpm.errors import RequestError
from ddpm.files import atomic_file, check_writable

_JPEG = {"format": "JPEG", "quality": 95, "subsampling": 0, "optimize": True}


def save_picture(path: Path | str, picture: Image.Image, *, comment: str = "") -> None:
    """Write `picture` with `comment` in its metadata.

    The format is PNG, or JPEG (quality 95, no chroma subsampling) if the name ends in .jpg or .jpeg.
    Raises RequestError for another suffix.
    """
    path = Path(path)
    options = _options(path, comment)
    with atomic_file(path) as temporary:
        picture.save(temporary, **options)


def check_picture_path(path: Path) -> None:
    """Raise RequestError if `save_picture` could not write `path`; call it before long work."""
    _options(path, "")
    check_writable(path)


def _options(path: Path, comment: str) -> dict[str, Any]:
    suffix = path.suffix.lower()
    if suffix in (".jpg", ".jpeg"):
        return {**_JPEG, "comment": comment.encode()} if comment else _JPEG
    if suffix not in ("", ".png"):
        raise RequestError(
            f"{path.name} is not a picture file name; use one that ends in .png, .jpg or .jpeg."
        )
    info = PngInfo()
    if comment:
        info.add_itxt("Comment", comment)
    # Not optimize=True: eight times as long for a file that is hardly smaller
    return {"format": "PNG", "pnginfo": info}
