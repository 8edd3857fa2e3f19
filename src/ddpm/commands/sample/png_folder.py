"""Folder of PNG files named by seed, written chunk by chunk and continued by the same command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ddpm.data.image_files import Images
from ddpm.errors import RequestError
from ddpm.files import atomic_file, check_writable, is_temporary, remove_temporary_files

_KEY = "ddpm-studio"  # of the text chunk that holds the hash of the request


def check_png_folder(folder: Path, seeds: range) -> None:
    """Raise RequestError if `folder` holds anything but PNG files named by `seeds`."""
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file; pass a new or an empty folder to --png-dir.")
    check_writable(folder / "0.png")
    for path in folder.iterdir() if folder.exists() else ():
        if not is_temporary(path) and _seed(path, seeds) is None:
            raise _not_empty(folder, path)


class PngFolder:
    """PNG files `SEED.png` of one request.

    Each file holds the hash of the request, so that images of another model or other settings are not
    mistaken for its own.
    """

    def __init__(self, folder: Path, seeds: range, request_hash: str) -> None:
        """Find the images that an interrupted command wrote. RequestError: other files."""
        self.path, self.seeds, self._hash = folder, seeds, request_hash
        check_png_folder(folder, seeds)
        folder.mkdir(parents=True, exist_ok=True)
        remove_temporary_files(folder)
        self._written: set[int] = set()
        for path in folder.iterdir():
            seed = _seed(path, seeds)
            if seed is None or _stored_hash(path) != request_hash:
                raise _not_empty(folder, path)
            self._written.add(seed)

    @property
    def end(self) -> int:
        """Number of images the folder takes."""
        return len(self.seeds)

    @property
    def count(self) -> int:
        """Number of images in the folder."""
        return len(self._written)

    def needs(self, start: int, stop: int) -> bool:
        """Whether an image from `start` to `stop` is missing."""
        return any(seed not in self._written for seed in self.seeds[start:stop])

    def write(self, start: int, images: Images) -> None:
        """Write the missing files of `images`, uint8 [N, C, H, W], the first of which has index `start`."""
        for seed, image in zip(self.seeds[start : start + len(images)], images, strict=True):
            if seed not in self._written:
                self._write_image(seed, image)
                self._written.add(seed)

    def finish(self) -> Path:
        """Return the path of the complete folder."""
        return self.path

    def _write_image(self, seed: int, image: Images) -> None:
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        info = PngInfo()
        info.add_text(_KEY, self._hash)
        with atomic_file(self.path / _file_name(seed)) as temporary:
            Image.fromarray(pixels).save(temporary, "PNG", pnginfo=info)


def _file_name(seed: int) -> str:
    return f"{seed:06d}.png"


def _seed(path: Path, seeds: Sequence[int]) -> int | None:
    """Return the seed that names a file, or None if it is none of `seeds`."""
    if not path.stem.isdecimal() or path.name != _file_name(int(path.stem)):
        return None
    return int(path.stem) if int(path.stem) in seeds else None


def _stored_hash(path: Path) -> str | None:
    """Return the hash in a PNG; None if the file is not a PNG or has no hash."""
    try:
        with Image.open(path) as picture:
            return picture.info.get(_KEY)
    except OSError:
        return None


def _not_empty(folder: Path, path: Path) -> RequestError:
    return RequestError(
        f"{folder} is not empty, and {path.name} is not an image of this command; pass a new or an empty "
        "folder to --png-dir."
    )
