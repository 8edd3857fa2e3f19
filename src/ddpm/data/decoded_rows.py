"""Decoded data sets on disk, written row by row in one pass.

images.npy   uint8 [M, C, H, W], split into several files if large (`mapped_array`)
rows.npy     a record per row: item, two hashes, sums of the pixels (`rows.npz` in older caches)
index.json   the shape, and every broken file with its reason

Memory does not grow with the number of images, except for the list of broken files.
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

from ddpm.data.content_hash import UNREADABLE, DatasetHash, item_hash
from ddpm.data.decoding import DECODING_VERSION, Limits, decode, ignore_pillow_warnings
from ddpm.data.image_source import BrokenImageError, ImageSource, no_usable_image_error
from ddpm.data.mapped_array import RowFile, open_memmap, write_mapped_array
from ddpm.data.threads import BLOCK_SIZE, ProgressCallback, map_in_threads
from ddpm.errors import WorkError

_TASK_BYTES = 4 << 20  # of decoded pixels per thread task


@dataclass(frozen=True)
class Transform:
    """Size, channels and stretched pixel values of the decoded images."""

    size: tuple[int, int]  # height, width
    channels: int
    limits: Limits | None = None  # stored pixel values that become 0 and 255; None: no change

    def key(self, content_hash: str) -> str:
        """Return the name of the cache folder: content, size, channels, decoding version and limits."""
        height, width = self.size
        limits = "" if self.limits is None else f"-{self.limits[0]}to{self.limits[1]}"
        return f"{content_hash[:32]}-{height}x{width}x{self.channels}-{DECODING_VERSION}{limits}"


class _Row(NamedTuple):
    """Result of decoding one item."""

    file_hash: str  # of the file's bytes
    pixels: bytes = b""  # empty if the item is broken
    pixel_hash: str = ""
    sums: Sequence[tuple[int, int]] = ()  # per channel: sum of the pixels, and of their squares
    reason: str = ""  # why the item is broken


@dataclass
class _Recorder:
    """Writer of the records, which also collects the content hash and the broken items."""

    set_hash: DatasetHash
    records: RowFile
    broken: list[tuple[int, str]] = field(default_factory=list)  # (item, reason)

    def pixels(self, rows: Iterable[_Row]) -> Iterator[bytes]:
        """Yield the pixels of the usable rows and write their records."""
        for item, row in enumerate(rows):
            self.set_hash.add(row.file_hash)
            if row.reason:
                self.broken.append((item, row.reason))
                continue
            hashes = _first_64_bits(row.file_hash), _first_64_bits(row.pixel_hash)
            record = (item, *hashes, row.sums)
            self.records.add(np.array(record, _record_dtype(len(row.sums))).tobytes())
            yield row.pixels


def write_rows(
    source: ImageSource,
    content_hash: str,
    transform: Transform,
    folder: Path,
    progress: ProgressCallback | None,
) -> None:
    """Decode all of `source` into `folder`.

    Raises RequestError if no image is usable, and WorkError if the content is no longer `content_hash`.
    """
    shape = (transform.channels, *transform.size)
    with (
        ignore_pillow_warnings(),
        RowFile(folder / "rows.npy", _record_dtype(transform.channels)) as records,
    ):
        recorder = _Recorder(DatasetHash(source), records)
        block = max(1, min(BLOCK_SIZE, _TASK_BYTES // math.prod(shape)))
        rows = map_in_threads(
            lambda item: _decode(source, item, transform), len(source), progress, block
        )
        count = write_mapped_array(folder, shape, recorder.pixels(rows))
    if recorder.set_hash.hexdigest() != content_hash:
        raise WorkError(
            f"The images of {source.name} changed while they were read. Run the command again."
        )
    if not count:
        raise no_usable_image_error(source, *recorder.broken[0])
    summary = {
        "shape": (count, *shape),
        "broken": [(source.names[item], reason) for item, reason in recorder.broken],
    }
    with (folder / "index.json").open("w", encoding="utf-8") as file:
        file.write(json.dumps(summary, indent=1))
        file.flush()
        os.fsync(file.fileno())


def open_rows(folder: Path) -> dict[str, NDArray[Any]]:
    """Return the columns items, file_hashes, pixel_hashes and sums (see `cache.DecodedImages`).

    Raises OSError, ValueError, EOFError or BadZipFile if the file is damaged.
    """
    if (folder / "rows.npy").exists():
        records = open_memmap(folder / "rows.npy")
        return {name: records[name] for name in records.dtype.names or ()}
    with (folder / "rows.npz").open("rb") as file:  # written by older versions
        return dict(np.load(file, allow_pickle=False))


def _record_dtype(channels: int) -> np.dtype[Any]:
    """Return the dtype of one record of rows.npy."""
    return np.dtype(
        [
            ("items", np.int64),
            ("file_hashes", np.uint64),
            ("pixel_hashes", np.uint64),
            ("sums", np.int64, (channels, 2)),
        ]
    )


def _decode(source: ImageSource, item: int, transform: Transform) -> _Row:
    file_hash = UNREADABLE
    try:
        loaded = source.load(item)
        file_hash = item_hash(loaded)
        pixels = decode(loaded, transform.size, transform.channels, transform.limits)
    except BrokenImageError as error:
        return _Row(file_hash, reason=str(error))
    flat = pixels.tobytes()
    return _Row(file_hash, flat, item_hash(flat), _sums(flat, transform.channels))


def _sums(pixels: bytes, channels: int) -> list[tuple[int, int]]:
    """Return the sum and sum of squares per channel, [C, 2]; below 2^53, so float64 is exact."""
    wide = np.frombuffer(pixels, np.uint8).reshape(channels, -1).astype(np.float64)
    return [(int(channel.sum()), int(channel @ channel)) for channel in wide]


def _first_64_bits(digest: str) -> int:
    """Return the first 64 bits of a hash."""
    return int(digest[:16], 16)
