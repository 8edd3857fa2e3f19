"""What every kind of image set looks like from outside: named items, each loaded on demand."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import RequestError

IMAGE_EXTENSIONS = ("png", "jpg", "jpeg", "bmp", "gif", "webp", "tif", "tiff", "ppm", "pgm")
COMPRESSED_TARS = (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst")
ARCHIVE_EXTENSIONS = (
    ".zip",
    ".tar",
    *COMPRESSED_TARS,
)  # what stays shut among or inside other things
_NUMBER = re.compile("([0-9]+)")
MAX_IMAGE_BYTES = 256 << 20  # bytes; a longer image file is broken or no picture for a 64x64 model
_PACKED_MOST = 200  # unpacked over packed length: no real picture of some size packs better
_SMALL = 32 << 20  # bytes; whatever the ratio, this much may be unpacked
_CONTROLS = ("Cc", "Zl", "Zp")  # line ends and what terminals obey, by Unicode's categories


class BrokenImageError(Exception):
    """One image cannot be used; its text is the reason, said to the user beside the file's name."""


@dataclass(frozen=True)
class NumberedNames(Sequence[str]):
    """Names of images that have none: PREFIX0, PREFIX1 … of each part (its prefix, its count).

    They are made when asked for: a file's word for how many there are costs no memory.
    """

    parts: tuple[tuple[str, int], ...]

    def __len__(self) -> int:
        return sum(count for _, count in self.parts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        place = range(len(self))[index]
        return self._name(place) if isinstance(place, int) else tuple(map(self._name, place))

    def _name(self, place: int) -> str:
        for prefix, count in self.parts:
            if place < count:
                return f"{prefix}{place}"
            place -= count
        raise IndexError(place)


@dataclass(frozen=True)
class ImageSource:
    """An image set that was found but not decoded.

    ``load(i)`` gives item i as the bytes of its file, or as uint8 [C, H, W] where the set holds
    plain pixels; it may be called from several threads and raises BrokenImageError. ``test`` lists
    the items that the set itself keeps for testing. ``fingerprint`` changes when a file's name,
    size or date does.
    """

    name: str  # of the set
    kind: str  # "folder", "zip", "tar", "IDX files" or "array"
    names: Sequence[str]  # one an item, NFC, with / between folders
    load: Callable[[int], bytes | NDArray[np.uint8]]
    fingerprint: str
    labels: NDArray[np.int64] | None = None  # one an item
    class_names: tuple[str, ...] = ()  # () where there are no labels
    test: Sequence[int] = ()
    ignored: tuple[str, ...] = ()  # archives among the images, which are not opened

    def __len__(self) -> int:
        return len(self.names)


def no_usable_image(source: ImageSource, item: int, reason: str) -> RequestError:
    """The error for a set of which every image is broken, item ``item`` for example."""
    which = f"None of the {len(source)} images in {source.name} can"
    if len(source) == 1:
        which = f"The only image in {source.name} cannot"
    return RequestError(
        f"{which} be used ({source.names[item]} {reason}); give a set of whole images."
    )


def natural_sort_key(path: str) -> tuple[list[list[str | tuple[int, str]]], str]:
    """Sorts 2.jpg before 10.jpg, folder by folder, the same on every system."""
    return [_part_key(part) for part in path.casefold().split("/")], path


def _part_key(part: str) -> list[str | tuple[int, str]]:
    """Text and numbers in turn, text first; of two numbers the one of more digits is the larger."""
    pieces = _NUMBER.split(part)
    numbers = [number.lstrip("0") for number in pieces[1::2]]
    key: list[str | tuple[int, str]] = [*pieces]
    key[1::2] = [(len(number), number) for number in numbers]
    return key


def printable_name(name: str) -> str:
    """A file's name as one line of NFC text that terminals and JSON files take, whatever its bytes were."""
    text = unicodedata.normalize("NFC", name.encode("utf-8", "backslashreplace").decode("utf-8"))
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) in _CONTROLS
        else char
        for char in text
    )


def is_decompression_bomb(packed: int, unpacked: int) -> bool:
    """Whether so many bytes say that they unpack to far more than any honest file's do."""
    return unpacked > max(_SMALL, _PACKED_MOST * packed)


def is_image_name(name: str) -> bool:
    """Does a path (with /) name an image that is neither hidden nor macOS's shadow of one?"""
    parts = name.split("/")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    _, dot, ending = parts[-1].lower().rpartition(".")
    return bool(dot) and ending in IMAGE_EXTENSIONS and not hidden


def folder_labels(
    names: Sequence[str], root: str
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels and class names: the folder directly holding each image (``root`` at the top).

    (None, ()) where all images share one folder name.
    """
    folders = [f"{root}/{name}".split("/")[-2] for name in names]
    class_names = tuple(sorted(set(folders), key=natural_sort_key))
    if len(class_names) < 2:
        return None, ()
    number = {name: index for index, name in enumerate(class_names)}
    return np.array([number[folder] for folder in folders], dtype=np.int64), class_names


def labels_from_values(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels 0 … K-1 for the K different values, which are the class names."""
    classes, labels = np.unique(values, return_inverse=True)
    return labels.astype(np.int64), tuple(str(value) for value in classes)


Made = TypeVar("Made")


def compute_once(make: Callable[[], Made]) -> Callable[[], Made]:
    """A function that makes its value at the first call, in whichever thread that happens."""
    lock = threading.Lock()
    made: list[Made] = []

    def get() -> Made:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return get
