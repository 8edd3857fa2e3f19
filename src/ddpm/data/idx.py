"""IDX files, the format of MNIST, plain or gzipped.

The header is big-endian: two zero bytes, the type (8: unsigned byte), the number of dimensions and each
dimension as a 32-bit integer. The values follow (http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ddpm.data.arrays import to_nchw
from ddpm.data.image_source import (
    ImageSource,
    NumberedNames,
    compute_once,
    is_decompression_bomb,
    labels_from_values,
    natural_sort_key,
)
from ddpm.errors import RequestError

_NAME = re.compile(r"(.*?)(train|t10k|test)[-.]images[-.]idx[34]-ubyte(\.gz)?", re.IGNORECASE)


def is_idx_name(name: str) -> bool:
    """Return whether this names an IDX file of images, such as train-images-idx3-ubyte.gz."""
    return _NAME.fullmatch(name) is not None


def has_idx_header(path: Path) -> bool:
    """Return whether the file starts like an IDX file of unsigned bytes in three or four dimensions."""
    try:
        with _open(path) as file:
            return file.read(4) in (b"\0\0\x08\x03", b"\0\0\x08\x04")
    except (OSError, EOFError, zlib.error):
        return False


def idx_source(name: str, paths: Iterable[Path], fingerprint: str) -> ImageSource:
    """Return the images of the IDX files at ``paths``, with the labels from the files beside them.

    If there are both training and test files, the test images are held out.
    """
    files = _training_first(paths)
    shapes = [_header(path) for path in files]
    if len({shape[1:] for shape in shapes}) > 1:
        raise RequestError(
            f"The IDX files of {name} hold images of different sizes. Pass one of them."
        )
    counts = [shape[0] for shape in shapes]
    parts = [compute_once(lambda path=path: to_nchw(read_idx(path), path)) for path in files]  # type: ignore[misc]
    parts_named = zip((f"{_part(path)}/" for path in files), counts, strict=True)
    labels, class_names = _labels(files, counts)
    return ImageSource(
        name=name,
        kind="IDX files",
        names=NumberedNames(tuple(parts_named)),
        load=_loader(parts, counts),
        fingerprint=fingerprint,
        labels=labels,
        class_names=class_names,
        test=_test_items(files, counts),
    )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array in an IDX file of unsigned bytes. Raises RequestError if it is damaged."""
    shape = _header(path)
    size = math.prod(shape)
    try:
        with _open(path) as file:
            file.seek(4 + 4 * len(shape))
            data = file.read(size + 1)  # one more byte detects files that are too long
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        raise _damaged(path) from error
    if len(data) != size:
        raise _damaged(path)
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _header(path: Path) -> tuple[int, ...]:
    try:
        with _open(path) as file:
            zeros, kind, dimensions = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise _damaged(path) from error
    if zeros or kind != 8:
        raise RequestError(
            f"{path} is not an IDX file of unsigned bytes. Pass the files as published."
        )
    if not 1 <= dimensions <= 4 or is_decompression_bomb(path.stat().st_size, math.prod(shape)):
        raise _damaged(path)
    return shape


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if gzipped else path.open("rb")


def _damaged(path: Path) -> RequestError:
    return RequestError(f"{path} is damaged or truncated. Download it again.")


def _part(path: Path) -> str:
    match = _NAME.fullmatch(path.name)
    return "train" if match is None or match[2].lower() == "train" else "test"


def _training_first(paths: Iterable[Path]) -> list[Path]:
    """Return one file per part, training first; a plain file replaces its gzipped copy."""
    plain_last = sorted(paths, key=lambda path: (path.suffix != ".gz", natural_sort_key(path.name)))
    chosen = {(path.parent, path.name.removesuffix(".gz")): path for path in plain_last}
    files = sorted(
        chosen.values(), key=lambda path: (_part(path) == "test", natural_sort_key(path.name))
    )
    parts = [_part(path) for path in files]
    if len(set(parts)) < len(parts):
        listed = " and ".join(path.name for path in files)
        raise RequestError(
            f"{files[0].parent} contains several sets ({listed}). Pass one of these files."
        )
    return files


def _loader(
    parts: list[Callable[[], NDArray[np.uint8]]], counts: list[int]
) -> Callable[[int], NDArray[np.uint8]]:
    """Return a function of item i of the concatenated files, which reads each file at its first use."""

    def load(index: int) -> NDArray[np.uint8]:
        for part, count in zip(parts, counts, strict=True):
            if index < count:
                image: NDArray[np.uint8] = part()[index]
                return image
            index -= count
        raise IndexError(index)

    return load


def _test_items(files: list[Path], counts: list[int]) -> Sequence[int]:
    if len(files) < 2:
        return ()
    return range(counts[0], counts[0] + counts[1])


def _labels(
    files: list[Path], counts: list[int]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return the labels of all files, or None if one of them has no label file."""
    labels = []
    for path, count in zip(files, counts, strict=True):
        label_file = _label_file(path)
        if label_file is None:
            return None, ()
        shape = _header(label_file)
        if shape != (count,):
            raise RequestError(
                f"{path} holds {count} images but {shape[0]} labels. Download both again."
            )
        labels.append(read_idx(label_file).astype(np.int64))
    return labels_from_values(np.concatenate(labels))


def _label_file(images: Path) -> Path | None:
    plain = re.sub(r"images([-.])idx[34]", r"labels\1idx1", images.name.removesuffix(".gz"))
    for name in (plain, plain + ".gz"):
        path = images.with_name(name)
        if path != images and path.is_file():
            return path
    return None
