"""Images stored as one array: .npy, or .npz with the key ``images`` (and ``labels``) or a single array.

Nothing is unpickled.
"""

from __future__ import annotations

import math
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ddpm.data.image_source import (
    ImageSource,
    NumberedNames,
    is_decompression_bomb,
    labels_from_values,
    printable_name,
)
from ddpm.data.zips import SAFE_COMPRESSIONS, members_overlap
from ddpm.errors import RequestError

_MAX_HEADER = 10_000  # bytes, numpy's own limit
_HEADERS: dict[tuple[int, int], tuple[Callable[[BinaryIO], Any], str]] = {
    (1, 0): (np.lib.format.read_array_header_1_0, "<H"),
    (2, 0): (np.lib.format.read_array_header_2_0, "<I"),
}  # version → its reader and the format of the header's length


def array_source(name: str, path: Path, fingerprint: str) -> ImageSource:
    """Return the images in a .npy or .npz file, uint8 NCHW, NHWC or NHW."""
    arrays = _read(path)
    images = to_nchw(arrays["images"], path)
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    if "labels" in arrays:
        labels, class_names = labels_from_values(
            _integer_labels(arrays["labels"], len(images), path)
        )
    return ImageSource(
        name=name,
        kind="array",
        names=NumberedNames((("", len(images)),)),
        load=lambda index: np.array(images[index]),
        fingerprint=fingerprint,
        labels=labels,
        class_names=class_names,
    )


def to_nchw(array: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Return a uint8 NCHW view of NCHW, NHWC or NHW with 1 or 3 channels; NCHW if both fit."""
    if array.dtype != np.uint8:
        raise RequestError(
            f"{path} holds {array.dtype} values, but images must be uint8, 0 to 255. "
            "Save them with (255 * x).round().astype('uint8') if they are 0 to 1."
        )
    if array.ndim > 1 and 0 in array.shape[1:]:
        raise RequestError(f"{path} holds images without pixels. Pass other images.")
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return array
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return array.transpose(0, 3, 1, 2)
    shape = " x ".join(map(str, array.shape)) or "a single number"
    raise RequestError(
        f"{path} holds an array of {shape}, but images must be N x C x H x W, N x H x W x C "
        "(C is 1 or 3) or N x H x W."
    )


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays ``images`` and, if there are any, ``labels``."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual headers
            if file.read(6) == b"\x93NUMPY":
                file.seek(0)
                _check_header(file, path.stat().st_size)
                return {"images": np.load(path, mmap_mode="r", allow_pickle=False)}
            file.seek(0)
            return _read_archive(file, path)
    except RequestError:
        raise
    except Exception as error:  # numpy and zipfile raise nearly anything on damaged bytes
        raise RequestError(
            f"{path} is not a readable array of numbers. Save it again with numpy."
        ) from error


def _read_archive(file: BinaryIO, path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an open .npz."""
    with zipfile.ZipFile(file) as packed:
        members = packed.infolist()
        unusual = any(info.compress_type not in SAFE_COMPRESSIONS for info in members)
        if unusual or members_overlap(members, path.stat().st_size):
            raise RequestError(
                f"{path} uses an unsupported compression. Save it again with numpy.savez_compressed."
            )
        for info in members:
            if is_decompression_bomb(info.compress_size, info.file_size):
                raise RequestError(
                    f"{path} unpacks {info.compress_size:,} bytes to {info.file_size:,}, which no "
                    "images do. Pass the set as files or as a .npy."
                )
            if info.filename.endswith(".npy"):
                with packed.open(info) as member:
                    _check_header(cast(BinaryIO, member), info.file_size)
    file.seek(0)
    with np.load(file, allow_pickle=False) as archive:
        if "images" not in archive and len(archive.files) == 1:
            return {"images": archive[archive.files[0]]}
        if "images" not in archive:
            keys = printable_name(", ".join(archive.files)) or "nothing"
            raise RequestError(
                f"{path} needs the key images (uint8, N x C x H x W), but has {keys}."
            )
        return {key: archive[key] for key in ("images", "labels") if key in archive}


def _check_header(file: BinaryIO, length: int) -> None:
    """Raise ValueError if an .npy of `length` bytes is shorter than its header says, before allocating."""
    read, kind = _HEADERS[np.lib.format.read_magic(file)]
    place = file.tell()
    (size,) = struct.unpack(kind, file.read(struct.calcsize(kind)))
    if size > _MAX_HEADER:
        raise ValueError("endless header")
    file.seek(place)
    shape, _, dtype = read(file)
    if file.tell() + math.prod(shape) * dtype.itemsize > length:
        raise ValueError("truncated array")


def _integer_labels(labels: NDArray[Any], count: int, path: Path) -> NDArray[np.int64]:
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise RequestError(f"The labels in {path} must be {count} integers, one per image.")
    return labels.astype(np.int64)
