"""Interface of all image sets: named items, each loaded on demand, with optional labels."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import RequestError
from ddpm.messages import Message

IMAGE_EXTENSIONS = (
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "gif", "webp", "avif", "tif", "tiff",
    "ppm", "pgm", "pbm", "pnm", "jp2", "j2k", "jpf", "jpx", "tga", "ico", "icns", "pcx", "sgi", "qoi",
    "dds", "psd",
)  # fmt: skip
_SIGNATURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"qoif")
HEAD_BYTES = 16  # first bytes of a file that `is_image` looks at
COMPRESSED_TARS = (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst")
ARCHIVE_EXTENSIONS = (".zip", ".tar", *COMPRESSED_TARS)  # not opened inside folders and archives
_NUMBER = re.compile("([0-9]+)")
MAX_IMAGE_BYTES = 256 << 20  # longer files are broken or useless at small sizes
_MAX_RATIO = 200  # of unpacked to packed bytes; real images compress less
_MAX_UNCHECKED = 32 << 20  # bytes; less may be unpacked at any ratio


class BrokenImageError(Exception):
    """An unusable image. The message is the reason, printed after the file's name."""


@dataclass(frozen=True)
class NumberedNames(Sequence[str]):
    """Names PREFIX0, PREFIX1 … of unnamed images; each part is (prefix, count).

    Names are generated on access, so a huge count in a hostile file costs no memory.
    """

    parts: tuple[tuple[str, int], ...]

    def __len__(self) -> int:
        return sum(count for _, count in self.parts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        position = range(len(self))[index]
        return (
            self._name(position) if isinstance(position, int) else tuple(map(self._name, position))
        )

    def _name(self, position: int) -> str:
        for prefix, count in self.parts:
            if position < count:
                return f"{prefix}{position}"
            position -= count
        raise IndexError(position)


@dataclass(frozen=True)
class ImageSource:
    """An image set before decoding.

    `load(i)` returns item i as the bytes of its file, or as uint8 or uint16 [C, H, W] if the set holds
    pixels. It is called from several threads and raises BrokenImageError. `test` lists the test items.
    `fingerprint` changes if the name, size or date of a file does.
    """

    name: str
    kind: str  # "folder", "zip", "tar", "IDX files", "array", "CIFAR batches" or "pixel table"
    names: Sequence[str]  # one per item, in NFC, with / between folders
    load: Callable[[int], bytes | NDArray[Any]]
    fingerprint: str
    labels: NDArray[np.int64] | None = None  # one per item
    class_names: tuple[str, ...] = ()  # () without labels
    test: Sequence[int] = ()
    unopened_archives: tuple[str, ...] = ()  # archives among the images, not opened
    notes: tuple[Message, ...] = ()  # shown to the user
    other_files: Mapping[str, int] = field(default_factory=dict)  # extension → files, not images
    # Files that may hold labels: name → reader
    label_files: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    folder_labels: NDArray[np.int64] | None = None  # labels of version 0.1, if only these differ

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class SelectedNames(Sequence[str]):
    """Names of some items of a set, in the order of `items`."""

    names: Sequence[str]
    items: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self.names[int(item)] for item in self.items[index])
        return self.names[int(self.items[index])]


def no_usable_image_error(source: ImageSource, item: int, reason: str) -> RequestError:
    """Return the error for a set without usable images, with `item` as the example."""
    subject = f"None of the {len(source)} images in {source.name} can"
    if len(source) == 1:
        subject = f"The only image in {source.name} cannot"
    return RequestError(
        f"{subject} be used ({source.names[item]} {reason}). Pass a set of intact images."
    )


def natural_sort_key(path: str) -> tuple[list[list[str | tuple[int, str]]], str]:
    """Return a sort key that puts 2.jpg before 10.jpg, folder by folder, on every system."""
    return [_part_key(part) for part in path.casefold().split("/")], path


def _part_key(part: str) -> list[str | tuple[int, str]]:
    """Split a name into alternating text and numbers; numbers compare by digit count, then digits."""
    pieces = _NUMBER.split(part)
    numbers = [number.lstrip("0") for number in pieces[1::2]]
    key: list[str | tuple[int, str]] = [*pieces]
    key[1::2] = [(len(number), number) for number in numbers]
    return key


def is_decompression_bomb(packed: int, unpacked: int) -> bool:
    """Return whether `packed` bytes claim to unpack to implausibly many bytes."""
    return unpacked > max(_MAX_UNCHECKED, _MAX_RATIO * packed)


def is_image_name(name: str) -> bool:
    """Return whether a path (with /) names a visible image file, not one of __MACOSX."""
    return extension(name) in IMAGE_EXTENSIONS and not _is_hidden(name)


def is_image(name: str, read_head: Callable[[], bytes]) -> bool:
    """Return whether a file is an image, by its extension or, without one, by its first bytes."""
    if extension(name) or _is_hidden(name):
        return is_image_name(name)
    head = read_head()
    return (
        head.startswith(_SIGNATURES)
        or (head[:2] == b"BM" and head[6:10] == bytes(4))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or head[4:12] in (b"ftypavif", b"jP  \r\n\x87\n")
        or (head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \n\r\t#")
    )


def extension(name: str) -> str:
    """Return the extension of a path in lower case without the dot, or an empty string."""
    return (
        name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name.rpartition("/")[2] else ""
    )


def count_other_files(names: Iterable[str]) -> dict[str, int]:
    """Count the visible files among `names` by extension, except archives."""
    visible = (n for n in names if not _is_hidden(n) and not n.lower().endswith(ARCHIVE_EXTENSIONS))
    return dict(Counter(map(extension, visible)).most_common())


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def labels_from_values(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return labels 0 … K-1 of the K distinct values, and the values as class names."""
    classes, labels = np.unique(values, return_inverse=True)
    return labels.astype(np.int64), tuple(str(value) for value in classes)


Value = TypeVar("Value")


def compute_once(compute: Callable[[], Value]) -> Callable[[], Value]:
    """Return a thread-safe function that computes its value at the first call."""
    lock = threading.Lock()
    values: list[Value] = []

    def get() -> Value:
        with lock:
            if not values:
                values.append(compute())
            return values[0]

    return get
