"""Content hash of a data set, independent of where it is stored."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.image_source import ImageSource

UNREADABLE = "unreadable"  # the hash of a file that cannot be read


def item_hash(item: bytes | NDArray[Any]) -> str:
    """Return the SHA-256 of one item, hexadecimal."""
    return hashlib.sha256(item if isinstance(item, bytes) else item.tobytes()).hexdigest()


class DatasetHash:
    """SHA-256 over all names and item hashes, in order, and the labels."""

    def __init__(self, source: ImageSource) -> None:
        self._digest = hashlib.sha256()
        self._names = iter(source.names)
        self._labels = source.labels

    def add(self, digest: str) -> None:
        """Add the hash of the next item."""
        line = f"{next(self._names)}\0{digest}\n"
        self._digest.update(line.encode("utf-8", "surrogateescape"))

    def hexdigest(self) -> str:
        """Return the hash of the set, after all items were added."""
        return self.hexdigest_with(self._labels)

    def hexdigest_with(self, labels: NDArray[np.int64] | None) -> str:
        """Return the hash of the set with other labels."""
        digest = self._digest.copy()
        if labels is not None:
            digest.update(np.ascontiguousarray(labels).data)
        return digest.hexdigest()
