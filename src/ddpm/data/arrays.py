"""Images stored as arrays: .npy, .npz and .pt files, in the layouts of common projects.

Nothing is unpickled, except plain tensors and containers by `torch.load(weights_only=True)`.
"""

from __future__ import annotations

import math
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ddpm.data.array_values import class_labels, to_nchw
from ddpm.data.image_source import ImageSource, NumberedNames, is_decompression_bomb
from ddpm.data.zips import SAFE_COMPRESSIONS, members_overlap
from ddpm.errors import RequestError
from ddpm.terminal import printable_name

TENSOR_EXTENSIONS = (".pt", ".pth")
_MAX_HEADER = 10_000  # bytes, numpy's own limit
_HEADERS: dict[tuple[int, int], tuple[Callable[[BinaryIO], Any], str]] = {
    (1, 0): (np.lib.format.read_array_header_1_0, "<H"),
    (2, 0): (np.lib.format.read_array_header_2_0, "<I"),
}  # version → its reader and the format of the header's length


# (key of the images, key of the labels, held out) of each part
_Part = tuple[str, str, bool]
_LAYOUTS: tuple[tuple[_Part, ...], ...] = (
    (("images", "labels", False),),
    (("x_train", "y_train", False), ("x_test", "y_test", True)),  # Keras
    (  # MedMNIST
        ("train_images", "train_labels", False),
        ("val_images", "val_labels", True),
        ("test_images", "test_labels", True),
    ),
    (("arr_0", "arr_1", False),),  # numpy's own keys, as in samples of guided-diffusion
    (("X", "y", False),),
    (("x", "y", False),),
    (("X_train", "y_train", False), ("X_test", "y_test", True)),
    (("data", "labels", False),),
    (("data", "target", False),),  # scikit-learn
)


def array_source(name: str, path: Path, fingerprint: str) -> ImageSource:
    """Return the images in a .npy, .npz or .pt file, NCHW, NHWC or NHW, and their labels if there are any.

    The values may be uint8, or any of the ranges that `array_values.to_nchw` converts. Test parts are held
    out.
    """
    arrays = _read_tensors(path) if path.suffix.lower() in TENSOR_EXTENSIONS else _read_numpy(path)
    return _source(name, arrays, path, fingerprint)


def array_files_source(
    name: str, folder: Path, paths: Iterable[Path], fingerprint: str
) -> ImageSource:
    """Return the images of .npy files with the names of keys: `images.npy` and `labels.npy`."""
    arrays = {path.stem: _read_numpy(path)["images"] for path in paths}
    return _source(name, arrays, folder, fingerprint)


def _source(
    name: str, arrays: Mapping[str, NDArray[Any]], path: Path, fingerprint: str
) -> ImageSource:
    layout = _find_layout(arrays, path)
    images = [to_nchw(arrays[key], path) for key, _, _ in layout]
    if len({part.shape[1:] for part in images}) > 1:
        raise RequestError(f"{path} holds parts of different sizes. Save them as separate files.")
    counts = [len(part) for part in images]
    labels, class_names = _labels(arrays, layout, sum(counts), path)
    held_out = np.repeat([test for _, _, test in layout], counts)
    single = len(layout) == 1
    starts = np.cumsum([0, *counts])

    def load(index: int) -> NDArray[Any]:
        part = int(np.searchsorted(starts, index, side="right")) - 1
        return np.array(images[part][index - starts[part]])

    prefixes = ["" if single else f"{key}/" for key, _, _ in layout]
    return ImageSource(
        name=name,
        kind="array",
        names=NumberedNames(tuple(zip(prefixes, counts, strict=True))),
        load=load,
        fingerprint=fingerprint,
        labels=labels,
        class_names=class_names,
        test=np.flatnonzero(held_out).tolist(),
    )


def _find_layout(arrays: Mapping[str, NDArray[Any]], path: Path) -> tuple[_Part, ...]:
    """Return the parts of the first layout whose images are among the arrays, if possible with labels."""
    found = [layout for layout in _LAYOUTS if layout[0][0] in arrays]
    if found:
        layout = next((layout for layout in found if layout[0][1] in arrays), found[0])
        return tuple(part for part in layout if part[0] in arrays)
    if len(arrays) == 1:
        return ((next(iter(arrays)), "", False),)
    raise _no_images_error(arrays, path)


def _no_images_error(keys: Iterable[str], path: Path) -> RequestError:
    listed = printable_name(", ".join(keys)) or "nothing"
    return RequestError(
        f"{path} needs the key images (N x C x H x W) or one of "
        f"{', '.join(layout[0][0] for layout in _LAYOUTS[1:])}, but has {listed}."
    )


def _labels(
    arrays: Mapping[str, NDArray[Any]], layout: tuple[_Part, ...], count: int, path: Path
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return labels and class names, or (None, ()) if a part has no labels."""
    if not all(key in arrays for _, key, _ in layout):
        return None, ()
    values = [arrays[key] for _, key, _ in layout]
    if len({part.shape[1:] for part in values}) > 1:
        raise RequestError(f"{path} holds labels of different shapes. Save them in the same shape.")
    return class_labels(np.concatenate(values), count, path)


def _read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a .pt file: a tensor, a pair (images, labels) or a dict of tensors."""
    import torch

    try:
        value = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises nearly anything on damaged bytes
        raise RequestError(
            f"{path} is not a readable file of tensors. Save a tensor, a pair or a dict of tensors."
        ) from error
    if isinstance(value, torch.Tensor):
        value = {"images": value}
    elif isinstance(value, list | tuple):
        value = dict(zip(("images", "labels"), value, strict=False))
    tensors = value.items() if isinstance(value, dict) else ()
    dense = {str(k): v for k, v in tensors if isinstance(v, torch.Tensor) and not v.is_sparse}
    return {
        key: (tensor.detach().float() if tensor.is_floating_point() else tensor).numpy()
        for key, tensor in dense.items()
    }


def _read_numpy(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a .npy or .npz file."""
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
        unsupported = any(info.compress_type not in SAFE_COMPRESSIONS for info in members)
        if unsupported or members_overlap(members, path.stat().st_size):
            raise RequestError(
                f"{path} uses an unsupported compression. Save it again with numpy.savez_compressed."
            )
        for info in members:
            if is_decompression_bomb(info.compress_size, info.file_size):
                raise RequestError(
                    f"{path} unpacks {info.compress_size:,} bytes to {info.file_size:,}, which is "
                    "implausible for images. Pass the set as files or as a .npy."
                )
            if info.filename.endswith(".npy"):
                with packed.open(info) as member:
                    _check_header(cast(BinaryIO, member), info.file_size)
    file.seek(0)
    keys = {key for layout in _LAYOUTS for part in layout for key in part[:2]}
    with np.load(file, allow_pickle=False) as archive:
        image_keys = [key for key in archive.files if key in keys]
        if not image_keys and len(archive.files) != 1:
            raise _no_images_error(archive.files, path)
        return {key: archive[key] for key in image_keys or archive.files}


def _check_header(file: BinaryIO, length: int) -> None:
    """Raise ValueError if an .npy of `length` bytes is shorter than its header says, before allocating."""
    read, kind = _HEADERS[np.lib.format.read_magic(file)]
    position = file.tell()
    (size,) = struct.unpack(kind, file.read(struct.calcsize(kind)))
    if size > _MAX_HEADER:
        raise ValueError("header too long")
    file.seek(position)
    shape, _, dtype = read(file)
    if file.tell() + math.prod(shape) * dtype.itemsize > length:
        raise ValueError("truncated array")
