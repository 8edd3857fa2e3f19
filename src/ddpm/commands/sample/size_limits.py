"""Checks that the files of a request fit on the disk and its pictures can be opened."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ddpm.errors import RequestError
from ddpm.quantities import format_bytes
from ddpm.visuals.layout import fit_layout

_DISK_BLOCK = 4096  # bytes; a file takes at least this much
_MAX_JPEG_SIDE = 65500  # pixels, of the format


def check_png_space(folder: Path, count: int, image_bytes: int) -> None:
    """Raise RequestError if the disk has no room for `count` PNG files of `image_bytes` pixels."""
    per_file = _DISK_BLOCK * -(-image_bytes // _DISK_BLOCK)
    _check_space(folder, count, per_file, "PNG files")
    if hasattr(os, "statvfs"):
        disk = os.statvfs(_existing_parent(folder))
        if disk.f_files and count > disk.f_favail:
            raise RequestError(
                f"{count:,} PNG files are more than the {disk.f_favail:,} files that fit on the disk of "
                f"{folder}; write an array instead, with --out FILE.npz."
            )


def check_array_space(path: Path, count: int, image_bytes: int) -> None:
    """Raise RequestError if the disk has no room for `count` images, once raw and once in the .npz."""
    _check_space(path, count, 2 * image_bytes, "images in an .npz")


def check_picture_size(
    shape: tuple[int, int], image: tuple[int, int], path: Path | None = None
) -> None:
    """Raise RequestError if a grid of `shape` (rows, columns) is larger than pictures can be.

    `image` is the (height, width) of one image.
    """
    height, width = fit_layout(*shape, image).size
    if path is not None and path.suffix.lower() != ".png" and max(height, width) > _MAX_JPEG_SIDE:
        raise RequestError(
            f"A grid of {shape[0]}x{shape[1]} is {width:,} x {height:,} pixels, but a JPEG has at most "
            f"{_MAX_JPEG_SIDE:,} on a side; pass a smaller --grid or a name that ends in .png."
        )


def _check_space(path: Path, count: int, bytes_each: int, what: str) -> None:
    free = shutil.disk_usage(_existing_parent(path)).free
    if count * bytes_each <= free:
        return
    fitting = free // bytes_each
    advice = f"pass -n {fitting} or fewer" if fitting else "free some space or use another disk"
    raise RequestError(
        f"{count:,} {what} take about {format_bytes(count * bytes_each)}, but the disk of {path} has "
        f"{format_bytes(free)} free; {advice}."
    )


def _existing_parent(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
