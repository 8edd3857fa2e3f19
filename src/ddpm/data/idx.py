"""IDX files, the format of MNIST, plain or gzipped.

The header is big-endian: two zero bytes, the type (8: unsigned byte), the number of dimensions and each
dimension as a 32-bit integer. The values follow (http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.data.array_values import to_nchw
from ddpm.data.gzipped import open_gzipped
from ddpm.data.image_source import (
    ImageSource,
    NumberedNames,
    compute_once,
    is_decompression_bomb,
    labels_from_values,
    natural_sort_key,
)
from ddpm.errors import RequestError
from ddpm.messages import message
from ddpm.terminal import printable_name

_NAME = re.compile(
    r"(?P<set>.*?)(?P<part>train|t10k|test)[-.](?P<kind>images|labels)[-.]idx(?P<dimensions>[134])-ubyte(\.gz)?",
    re.IGNORECASE,
)


def is_idx_name(name: str) -> bool:
    """Return whether this names an IDX file of images, such as train-images-idx3-ubyte.gz."""
    match = _NAME.fullmatch(name)
    return match is not None and (match["kind"].lower(), match["dimensions"]) != ("labels", "1")


def find_label_files(images: Path) -> list[Path]:
    """Return the IDX label files beside an image file, or in folders beside it if each file has its own."""
    folder = images.parent
    found = [*folder.glob("*ubyte*")]
    if _NAME.fullmatch(folder.name):
        found += [*folder.parent.glob("*ubyte*"), *folder.parent.glob("*ubyte*/*ubyte*")]
    return [path for path in found if is_label_name(path.name) and path.is_file()]


def is_label_name(name: str) -> bool:
    """Return whether this names an IDX file of labels, such as train-labels-idx1-ubyte.gz."""
    match = _NAME.fullmatch(name)
    return match is not None and (match["kind"].lower(), match["dimensions"]) == ("labels", "1")


def has_idx_header(path: Path) -> bool:
    """Return whether the file starts like an IDX file of unsigned bytes in three or four dimensions."""
    try:
        with open_gzipped(path) as file:
            return file.read(4) in (b"\0\0\x08\x03", b"\0\0\x08\x04")
    except (OSError, EOFError, zlib.error):
        return False


def idx_source(
    root: Path, images: Iterable[Path], labels: Iterable[Path], name: str, fingerprint: str
) -> ImageSource:
    """Return the images of IDX files, with the labels of the matching files in `labels`.

    If there are both training and test files, the test images are held out. Copies of a file count
    once. Raises RequestError, which names `root`, if the files belong to several sets.
    """
    files = _training_first(root, images)
    shapes = [_header(path) for path in files]
    if len({shape[1:] for shape in shapes}) > 1:
        raise RequestError(
            f"The IDX files of {root} hold images of different sizes. Pass one of them."
        )
    counts = [shape[0] for shape in shapes]
    parts = [compute_once(lambda path=path: to_nchw(read_idx(path), path)) for path in files]  # type: ignore[misc]
    prefixes_and_counts = zip((f"{_part(path)}/" for path in files), counts, strict=True)
    label_files = [_label_file(root, path, labels) for path in files]
    numbers, class_names = _labels(files, counts, label_files)
    unlabeled = [path for path, found in zip(files, label_files, strict=True) if found is None]
    return ImageSource(
        name=name,
        kind="IDX files",
        names=NumberedNames(tuple(prefixes_and_counts)),
        load=_loader(parts, counts),
        fingerprint=fingerprint,
        labels=numbers,
        class_names=class_names,
        test=_test_items(files, counts),
        notes=tuple(message("labels_missing", file=printable_name(p.name)) for p in unlabeled),
    )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array in an IDX file of unsigned bytes. Raises RequestError if it is damaged."""
    shape = _header(path)
    size = math.prod(shape)
    try:
        with open_gzipped(path) as file:
            file.seek(4 + 4 * len(shape))
            data = file.read(size + 1)  # one more byte detects files that are too long
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        raise _damaged(path) from error
    if len(data) != size:
        raise _damaged(path)
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _header(path: Path) -> tuple[int, ...]:
    try:
        with open_gzipped(path) as file:
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


def _damaged(path: Path) -> RequestError:
    return RequestError(f"{path} is damaged or truncated. Download it again.")


def _part(path: Path) -> str:
    return _set_and_part(path)[1]


def _set_and_part(path: Path) -> tuple[str, str]:
    """Return the name of the set, such as "emnist-letters-", and "train" or "test"."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return "", "train"
    return match["set"].lower(), "train" if match["part"].lower() == "train" else "test"


def _training_first(root: Path, paths: Iterable[Path]) -> list[Path]:
    """Return one file per part, training first. Copies of a file must have equal content."""
    files = _without_copies(paths)
    files.sort(key=lambda path: (_part(path) == "test", natural_sort_key(path.name)))
    parts = [_part(path) for path in files]
    if len(set(parts)) < len(parts):
        raise RequestError(
            f"{root} contains several sets ({_join_names(root, files)}). Pass one of these files."
        )
    return files


def _without_copies(paths: Iterable[Path]) -> list[Path]:
    """Return the files without copies: gzipped versions in the same folder, or files of equal content."""
    plain_last = sorted(paths, key=lambda path: (path.suffix != ".gz", natural_sort_key(path.name)))
    by_name = {(path.parent, path.name.removesuffix(".gz")): path for path in plain_last}
    distinct: dict[tuple[str, str], dict[str, Path]] = {}
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(by_name.values(), key=lambda p: (len(p.parts), natural_sort_key(str(p)))):
        groups.setdefault(_set_and_part(path), []).append(path)
    for key, group in groups.items():
        hashes = [_content_hash(path) for path in group] if len(group) > 1 else [""]
        for content, path in zip(hashes, group, strict=True):
            distinct.setdefault(key, {}).setdefault(content, path)
    return [path for group in distinct.values() for path in group.values()]


def _content_hash(path: Path) -> str:
    """Return a hash of the array in an IDX file."""
    array = read_idx(path)
    return f"{array.shape} {hashlib.sha256(array.data).hexdigest()}"


def _join_names(root: Path, files: list[Path]) -> str:
    names = (p.relative_to(root) if p.is_relative_to(root) else p for p in files)
    return " and ".join(printable_name(name.as_posix()) for name in names)


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
    files: list[Path], counts: list[int], label_files: list[Path | None]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return the labels of all files, or None if one of them has no label file."""
    labels = []
    for path, count, label_file in zip(files, counts, label_files, strict=True):
        if label_file is None:
            return None, ()
        shape = _header(label_file)
        if shape != (count,):
            raise RequestError(
                f"{path} holds {count} images but {shape[0]} labels. Download both again."
            )
        labels.append(read_idx(label_file).astype(np.int64))
    return labels_from_values(np.concatenate(labels))


def _label_file(root: Path, images: Path, labels: Iterable[Path]) -> Path | None:
    """Return the label file of an image file: the one in its folder, else the only one in other folders."""
    candidates = [path for path in labels if _set_and_part(path) == _set_and_part(images)]
    found = _without_copies([p for p in candidates if p.parent == images.parent] or candidates)
    if len(found) > 1:
        raise RequestError(
            f"{root} contains several label files for {images.name} ({_join_names(root, found)}). Keep one."
        )
    return found[0] if found else None
