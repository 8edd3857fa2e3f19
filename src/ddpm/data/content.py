"""The identity of a set of images: what it holds, wherever it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ddpm.data.source import ImageSource

UNREADABLE = "unreadable"  # stands for the content of a file that cannot be read


def item_hash(item: bytes | NDArray[np.uint8]) -> str:
    """SHA-256 of one item's bytes, hexadecimal."""
    return hashlib.sha256(item if isinstance(item, bytes) else item.tobytes()).hexdigest()


def set_hash(source: ImageSource, item_hashes: Iterable[str]) -> str:
    """SHA-256 over every name and content, in order, and the labels; hexadecimal."""
    digest = hashlib.sha256()
    for name, content in zip(source.names, item_hashes, strict=True):
        digest.update(f"{name}\0{content}\n".encode())
    if source.labels is not None:
        digest.update(source.labels.tobytes())
    return digest.hexdigest()
