"""The one pass that decodes a set and writes it into a folder, row after row.

images.npy   uint8 [M, C, H, W], in several files where they are many (``pieces``)
rows.npy     for each row: its item, two hashes, sums of pixels (``rows.npz`` in older caches)
index.json   the shape and every broken file with its reason

Nothing but the list of broken files grows in memory with the number of images.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpm.data.content_hash import UNREADABLE, SetHash, item_hash
from ddpm.data.decoding import RULE, decode, ignore_pillow_warnings
from ddpm.data.image_source import BrokenImageError, ImageSource, no_usable_image
from ddpm.data.mapped_array import RowFile, open_memmap, write_mapped_array
from ddpm.data.threads import BLOCK_SIZE, Progress, map_in_threads
from ddpm.errors import WorkError

_TASK = 4 << 20  # bytes of pixels that one task of a thread decodes, unless one image has more


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
class _Collected:
    """What is collected on the way."""

    content: SetHash
    records: RowFile
    broken: list[tuple[int, str]] = field(default_factory=list)  # (item, reason)

    def pixels(self, rows: Iterable[_Row]) -> Iterator[bytes]:
        """Those of the usable rows, whose records are written as they come by."""
        for item, row in enumerate(rows):
            self.content.add(row.content)
            if row.reason:
                self.broken.append((item, row.reason))
                continue
            numbers = (item, _number(row.content), _number(row.pixel_hash), row.sums)
            self.records.add(np.array(numbers, _record(len(row.sums))).tobytes())
            yield row.pixels


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
    shape = (transform.channels, *transform.size)
    with (
        ignore_pillow_warnings(),
        RowFile(folder / "rows.npy", _record(transform.channels)) as records,
    ):
        found = _Collected(SetHash(source), records)
        block = max(1, min(BLOCK_SIZE, _TASK // math.prod(shape)))
        rows = map_in_threads(
            lambda item: _decode(source, item, transform), len(source), progress, block
        )
        count = write_mapped_array(folder, shape, found.pixels(rows))
    if found.content.hexdigest() != content_hash:
        raise WorkError(f"The images of {source.name} changed while they were read; run it again.")
    if not count:
        raise no_usable_image(source, *found.broken[0])
    summary = {
        "shape": (count, *shape),
        "broken": [(source.names[item], reason) for item, reason in found.broken],
    }
    with (folder / "index.json").open("w", encoding="utf-8") as file:
        file.write(json.dumps(summary, indent=1))
        file.flush()
        os.fsync(file.fileno())


def open_rows(folder: Path) -> dict[str, NDArray[Any]]:
    """What is known of each row: items, file_hashes, pixel_hashes, sums (``cache.Decoded`` says which).

    OSError, ValueError, EOFError or BadZipFile where it is not whole.
    """
    if (folder / "rows.npy").exists():
        records = open_memmap(folder / "rows.npy")
        return {name: records[name] for name in records.dtype.names or ()}
    with (folder / "rows.npz").open("rb") as file:  # of an older version
        return dict(np.load(file, allow_pickle=False))


def _record(channels: int) -> np.dtype[Any]:
    """What is written of each row."""
    return np.dtype(
        [
            ("items", np.int64),
            ("file_hashes", np.uint64),
            ("pixel_hashes", np.uint64),
            ("sums", np.int64, (channels, 2)),
        ]
    )


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


def _number(content: str) -> int:
    """The first 64 bits of a hash."""
    return int(content[:16], 16)
