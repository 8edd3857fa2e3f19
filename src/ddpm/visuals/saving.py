"""Writing one picture to disk: PNG or JPEG by its name, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ddpm.errors import RequestError
from ddpm.files import check_writable, replacing

_JPEG = {"format": "JPEG", "quality": 95, "subsampling": 0, "optimize": True}


def save_picture(path: Path | str, picture: Image.Image, *, comment: str = "") -> None:
    """Write `picture`; `comment` goes into the file where no eye sees it.

    PNG by default; JPEG where the name ends in .jpg or .jpeg (quality 95, full color resolution).
    RequestError for the name of another kind of file.
    """
    path = Path(path)
    options = _options(path, comment)
    with replacing(path) as temporary:
        picture.save(temporary, **options)


def check_picture(path: Path) -> None:
    """RequestError where `save_picture` could not write `path`; asked before the work is done."""
    _options(path, "")
    check_writable(path)


def _options(path: Path, comment: str) -> dict[str, Any]:
    suffix = path.suffix.lower()
    if suffix in (".jpg", ".jpeg"):
        return {**_JPEG, "comment": comment.encode()} if comment else _JPEG
    if suffix not in ("", ".png"):
        raise RequestError(f"{path.name} cannot be written; pictures end in .png, .jpg or .jpeg.")
    info = PngInfo()
    if comment:
        info.add_itxt("Comment", comment)
    return {"format": "PNG", "optimize": True, "pnginfo": info}
