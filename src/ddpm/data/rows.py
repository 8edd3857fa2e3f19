"""The one pass that decodes a set and writes it into a folder, row after row.

images.npy   uint8 [M, C, H, W]
rows.npz     for each row: its item, two hashes, sums of pixels
index.json   the shape and every broken file with its reason
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpm.data.content import UNREADABLE, item_hash, set_hash
from ddpm.data.decoding import RULE, decode, quiet_pillow
from ddpm.data.parallel import Progress, in_order
from ddpm.data.source import BrokenImageError, ImageSource, none_usable
from ddpm.errors import WorkError


@dataclass(frozen=True)
class Transform:
    """What decoding brings every image to."""

    size: tuple[int, int]  # height, width
    channels: int

    def key(self, content_hash: str) -> str:
        """The cache folder's name: the content, the transform and the rule's version."""
        height, width = self.size
        return f"{content_hash[:32]}-{height}x{width}x{self.channels}-{RULE}"


class _Row(NamedTuple):
    """One item after decoding."""

    content: str  # hash of the file
    pixels: bytes = b""  # empty where it is broken
    pixel_hash: str = ""
    sums: Sequence[tuple[int, int]] = ()  # of the pixels and of their squares, for each channel
    reason: str = ""  # why it is broken


@dataclass
class _Index:
    """What is collected on the way."""

    contents: list[str] = field(default_factory=list)  # one an item; the rest one a row
    items: list[int] = field(default_factory=list)
    pixel_hashes: list[str] = field(default_factory=list)
    sums: list[Sequence[tuple[int, int]]] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)  # (item, reason)

    def add(self, row: _Row) -> None:
        item = len(self.contents)
        self.contents.append(row.content)
        if row.reason:
            self.broken.append((item, row.reason))
        else:
            self.items.append(item)
            self.pixel_hashes.append(row.pixel_hash)
            self.sums.append(row.sums)


def write_rows(
    source: ImageSource,
    content_hash: str,
    transform: Transform,
    folder: Path,
    progress: Progress | None,
) -> None:
    """Decode all of ``source`` into ``folder``.

    RequestError where no image can be used, WorkError where the set is no longer ``content_hash``.
    """
    index = _write_images(source, transform, folder / "images.npy", progress)
    if set_hash(source, index.contents) != content_hash:
        raise WorkError(f"The images of {source.name} changed while they were read; run it again.")
    if not index.items:
        raise none_usable(source, *index.broken[0])
    _write_synced(folder / "rows.npz", lambda file: _save_rows(file, index))
    summary = {
        "shape": (len(index.items), transform.channels, *transform.size),
        "broken": [(source.names[item], reason) for item, reason in index.broken],
    }
    text = json.dumps(summary, indent=1)
    _write_synced(folder / "index.json", lambda file: file.write(text.encode()))


def _write_images(
    source: ImageSource, transform: Transform, path: Path, progress: Progress | None
) -> _Index:
    index = _Index()
    shape = (transform.channels, *transform.size)

    def write(file: BinaryIO) -> None:
        _write_header(file, (len(source), *shape))
        rows = in_order(lambda item: _decode(source, item, transform), len(source), progress)
        for row in rows:
            file.write(row.pixels)
            index.add(row)
        file.seek(0)
        _write_header(file, (len(index.items), *shape))  # broken ones are no rows

    with quiet_pillow():
        _write_synced(path, write)
    return index


def _decode(source: ImageSource, item: int, transform: Transform) -> _Row:
    content = UNREADABLE
    try:
        loaded = source.load(item)
        content = item_hash(loaded)
        pixels = decode(loaded, transform.size, transform.channels)
    except BrokenImageError as error:
        return _Row(content, reason=str(error))
    flat = pixels.tobytes()
    return _Row(content, flat, item_hash(flat), _sums(flat, transform.channels))


def _sums(pixels: bytes, channels: int) -> list[tuple[int, int]]:
    """[C, 2]: each channel's sum and sum of squares; below 2^53, where float64 is exact."""
    wide = np.frombuffer(pixels, np.uint8).reshape(channels, -1).astype(np.float64)
    return [(int(channel.sum()), int(channel @ channel)) for channel in wide]


def _save_rows(file: BinaryIO, index: _Index) -> None:
    np.savez(
        file,
        items=np.array(index.items, dtype=np.int64),
        file_hashes=_numbers([index.contents[item] for item in index.items]),
        pixel_hashes=_numbers(index.pixel_hashes),
        sums=np.array(index.sums, dtype=np.int64),
    )


def _numbers(hashes: list[str]) -> NDArray[np.uint64]:
    """The first 64 bits of each."""
    return np.array([int(text[:16], 16) for text in hashes], dtype=np.uint64)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """An .npy header, which numpy pads so that another number of rows fits into the same bytes."""
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)


def _write_synced(path: Path, write: Callable[[BinaryIO], object]) -> None:
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
