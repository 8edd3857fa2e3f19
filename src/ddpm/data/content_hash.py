"""The identity of a set of images: what it holds, wherever it lies."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from ddpm.data.image_source import ImageSource

UNREADABLE = "unreadable"  # stands for the content of a file that cannot be read


def item_hash(item: bytes | NDArray[np.uint8]) -> str:
    """SHA-256 of one item's bytes, hexadecimal."""
    return hashlib.sha256(item if isinstance(item, bytes) else item.tobytes()).hexdigest()


class SetHash:
    """SHA-256 over every name and content, in order, and the labels; fed item by item."""

    def __init__(self, source: ImageSource) -> None:
        self._digest = hashlib.sha256()
        self._names = iter(source.names)
        self._labels = source.labels

    def add(self, content: str) -> None:
        """The next item's hash."""
        self._digest.update(f"{next(self._names)}\0{content}\n".encode())

    def hexdigest(self) -> str:
        """Of the whole set, once every item has been added."""
        whole = self._digest.copy()
        if self._labels is not None:
            whole.update(np.ascontiguousarray(self._labels).data)
        return whole.hexdigest()
