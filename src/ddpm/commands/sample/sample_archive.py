"""Samples as an .npz, collected chunk by chunk in a file that the same command continues.

FILE.npz.partial   a line of JSON with the hash of the request, then the pixels of the images
FILE.npz           images uint8 [N, C, H, W], seeds [N], labels [N] of a model with classes, settings (JSON);
                   of mixtures also class_weights [N, classes], while labels are the strongest classes
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.image_files import Images
from ddpm.files import atomic_file, name_path_in_errors
from ddpm.models.mixed_labels import MixedLabel, class_weights

_BLOCK = 1 << 13  # images copied at a time

Labels = Callable[[int, int], Sequence[int] | None]  # classes of the images from start to stop


class SampleArchive:
    """Images of one request that become an .npz once all are drawn."""

    def __init__(
        self,
        path: Path,
        seeds: range,
        shape: tuple[int, int, int],
        chunk: int,
        labels: Labels,
        settings: Mapping[str, Any],
        request_hash: str,
    ) -> None:
        """Continue the partial file of the same request, or create it. `shape` is (C, H, W)."""
        self.path, self.seeds, self.shape = path, seeds, shape
        self._labels, self._settings = labels, settings
        self._partial = partial_path(path)
        self._header = (
            json.dumps({"ddpm-studio": "samples", "request": request_hash}).encode() + b"\n"
        )
        self._image_bytes = int(np.prod(shape))
        self.count = self._complete_images(chunk)
        with name_path_in_errors(self._partial):
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._partial.open("r+b" if self.count else "wb") as file:
                file.write(self._header)
                file.truncate(self._offset(self.count))

    @property
    def end(self) -> int:
        """Number of images the archive takes."""
        return len(self.seeds)

    def needs(self, start: int, stop: int) -> bool:
        """Whether an image from `start` to `stop` is missing."""
        return stop > self.count

    def write(self, start: int, images: Images) -> None:
        """Append `images`, uint8 [N, C, H, W], the first of which has index `start`."""
        if start + len(images) <= self.count:
            return
        with name_path_in_errors(self._partial), self._partial.open("r+b") as file:
            file.seek(self._offset(start))
            file.write(images.tobytes())
            file.flush()
            os.fsync(file.fileno())
        self.count = start + len(images)

    def finish(self) -> Path:
        """Write the .npz, delete the partial file and return the path of the .npz."""
        count, settings = self.end, np.array(json.dumps(self._settings))
        kind = np.dtype(np.int64 if self.seeds[-1] < 2**63 else np.uint64)
        with atomic_file(self.path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            images = self._image_blocks()
            _write_array(archive, "images", (count, *self.shape), np.dtype(np.uint8), images, True)
            seeds = (np.array(self.seeds[a:b], kind) for a, b in _blocks(count))
            _write_array(archive, "seeds", (count,), kind, seeds)
            if self._labels(0, 1) is not None:
                labels = (np.array(self._labels(a, b), np.int64) for a, b in _blocks(count))
                _write_array(archive, "labels", (count,), np.dtype(np.int64), labels)
            if self._has_mixtures():
                classes = len(self._settings["class_names"])
                rows = (
                    np.array(class_weights(self._labels(a, b) or (), classes))
                    for a, b in _blocks(count)
                )
                _write_array(archive, "class_weights", (count, classes), np.dtype(np.float64), rows)
            _write_array(archive, "settings", (), settings.dtype, iter([settings]))
        self._partial.unlink()
        return self.path

    def _has_mixtures(self) -> bool:
        labels = (self._labels(a, b) or () for a, b in _blocks(self.end))
        return any(isinstance(label, MixedLabel) for block in labels for label in block)

    def _image_blocks(self) -> Iterator[Images]:
        with self._partial.open("rb") as file:
            file.seek(self._offset(0))
            for start, stop in _blocks(self.end):
                yield np.frombuffer(file.read((stop - start) * self._image_bytes), np.uint8)

    def _complete_images(self, chunk: int) -> int:
        """Return the number of images in complete chunks of the partial file; 0 for another request."""
        try:
            with self._partial.open("rb") as file:
                if file.read(len(self._header)) != self._header:
                    return 0
                size = file.seek(0, os.SEEK_END)
        except OSError:
            return 0
        count = (size - len(self._header)) // self._image_bytes
        return self.end if count >= self.end else count - count % chunk

    def _offset(self, index: int) -> int:
        """Return the place of image `index` in the partial file, in bytes."""
        return len(self._header) + index * self._image_bytes


def partial_path(path: Path) -> Path:
    """Return the path of the file that holds the images until all are drawn."""
    return path.with_name(path.name + ".partial")


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))


def _write_array(
    archive: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    kind: np.dtype[Any],
    blocks: Iterator[NDArray[Any]],
    compressed: bool = False,
) -> None:
    """Write an array as a member of an .npz, block by block."""
    member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    description = {
        "descr": np.lib.format.dtype_to_descr(kind),
        "fortran_order": False,
        "shape": shape,
    }
    with archive.open(member, "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, description)
        for block in blocks:
            file.write(block.tobytes())
