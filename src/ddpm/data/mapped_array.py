"""Arrays in .npy files, written row by row and read memory-mapped.

images.npy    uint8 [M, C, H, W], or as many of its first rows as fit into one file
images-1.npy  the following rows, and so on

An array of any size is read like one in memory. It only occupies page cache, which the system reclaims.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

MAX_FILE_BYTES = 1 << 30  # of pixels in one file; FAT32 allows 4 GiB


class MappedArray:
    """Concatenation of memory-mapped arrays, [M, C, H, W], indexed by row, slice or array of rows."""

    dtype = np.dtype(np.uint8)

    def __init__(self, parts: Sequence[NDArray[np.uint8]]) -> None:
        self._parts = tuple(parts)
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape: tuple[int, ...] = (int(self._ends[-1]), *parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | NDArray[Any]) -> NDArray[np.uint8]:
        """Return the indexed rows, always as a copy."""
        index = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        if index.dtype == np.bool_:
            index = np.flatnonzero(index)
        index = np.where(index < 0, index + len(self), index)
        if np.any((index < 0) | (index >= len(self))):
            raise IndexError(f"row {rows} of {len(self)}")
        result = np.empty((*index.shape, *self.shape[1:]), np.uint8)
        part_numbers = np.searchsorted(self._ends, index, side="right")
        for number in np.unique(part_numbers):
            mask, part = part_numbers == number, self._parts[number]
            result[mask] = part[index[mask] - (self._ends[number] - len(part))]
        return result


MappedImages: TypeAlias = NDArray[np.uint8] | MappedArray  # [M, C, H, W]


class RowFile:
    """An .npy file that grows row by row. numpy pads the header, so the row count can be updated."""

    def __init__(self, path: Path, dtype: np.dtype[Any], row_shape: tuple[int, ...] = ()) -> None:
        self.count = 0
        self._description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
        self._row_shape = row_shape
        self._file = path.open("wb")
        self._write_header()

    def add(self, row: bytes) -> None:
        """Append the bytes of one row."""
        self._file.write(row)
        self.count += 1

    def __enter__(self) -> RowFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Update the header and flush the file to disk, unless the block failed."""
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._write_header()
                self._file.flush()
                os.fsync(self._file.fileno())

    def _write_header(self) -> None:
        header = {**self._description, "shape": (self.count, *self._row_shape)}
        np.lib.format.write_array_header_1_0(self._file, header)


def write_mapped_array(folder: Path, row_shape: tuple[int, ...], rows: Iterable[bytes]) -> int:
    """Write uint8 rows of shape `row_shape` into as many files as needed, and return the number of rows."""
    rows_per_file = max(1, MAX_FILE_BYTES // math.prod(row_shape))
    count, remaining = 0, iter(rows)
    for number in itertools.count():
        with RowFile(_file_path(folder, number), np.dtype(np.uint8), row_shape) as file:
            for pixels in itertools.islice(remaining, rows_per_file):
                file.add(pixels)
        count += file.count
        if file.count < rows_per_file:
            break
    if number and not file.count:  # the previous file was exactly full
        _file_path(folder, number).unlink()
    return count


def open_mapped_array(folder: Path, shape: tuple[int, ...]) -> MappedImages:
    """Open what `write_mapped_array` wrote, uint8 `shape`. Raises OSError or ValueError if incomplete."""
    parts: list[NDArray[np.uint8]] = []
    while sum(map(len, parts)) < shape[0] or not parts:
        parts.append(open_memmap(_file_path(folder, len(parts))))
    if any(part.dtype != np.uint8 for part in parts):
        raise ValueError(f"{folder} does not hold pixels")
    rows = {part.shape[1:] for part in parts}
    if rows != {tuple(shape[1:])} or sum(map(len, parts)) != shape[0]:
        raise ValueError(f"{folder} does not hold {shape} pixels")
    return parts[0] if len(parts) == 1 else MappedArray(parts)


def open_memmap(path: Path) -> NDArray[Any]:
    """Open an .npy file memory-mapped, read-only. Raises OSError or ValueError if it is incomplete."""
    array: np.memmap[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if path.stat().st_size != array.offset + array.nbytes:
        raise ValueError(f"{path} is longer than its array")
    return array


def _file_path(folder: Path, number: int) -> Path:
    return folder / (f"images-{number}.npy" if number else "images.npy")
