"""Image files and folders made on the spot."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Encode = Callable[..., bytes]


def _encode(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    """A Pillow image, or uint8 [H, W] or [H, W, 3], as the bytes of a file."""
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(
        buffer, kind, **options
    )
    return buffer.getvalue()


@pytest.fixture
def encode() -> Encode:
    return _encode


@pytest.fixture
def pictures() -> Callable[..., list[bytes]]:
    """n different PNG files of one size, grey or in colour."""

    def make(count: int, size: tuple[int, int] = (8, 8), channels: int = 1, seed: int = 0) -> Any:
        rng = np.random.default_rng(seed)
        shape = size if channels == 1 else (*size, channels)
        return [_encode(rng.integers(0, 256, shape, dtype=np.uint8)) for _ in range(count)]

    return make


@pytest.fixture
def write_folder() -> Callable[[Path, dict[str, bytes]], Path]:
    """Write a tree of files given as {relative name: bytes}."""

    def write(root: Path, files: dict[str, bytes]) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        return root

    return write


@pytest.fixture
def write_idx() -> Callable[[Path, Any], Path]:
    """Write uint8 of any shape as an IDX file, gzipped where the name says so."""
    import gzip
    import struct

    def write(path: Path, array: Any) -> Path:
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        data = header + array.astype(np.uint8).tobytes()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path

    return write
