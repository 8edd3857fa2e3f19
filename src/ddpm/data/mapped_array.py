"""Rows in .npy files that are written one after the other and read back memory-mapped.

images.npy    uint8 [M, C, H, W], or as many of its first rows as one file takes
images-1.npy  the rows after them, and so on

A set of any size is read as one array: what it costs is page cache, which the system takes back when it
needs it, and no memory of the process's own.
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

MAX_FILE_BYTES = (
    1 << 30
)  # bytes of pixels in one file: memory sticks take 4 GiB, and a cut copy costs less


class MappedArray:
    """Arrays put end to end, [M, C, H, W] together; indexed by a row, a slice or an array of rows."""

    def __init__(self, parts: Sequence[NDArray[np.uint8]]) -> None:
        self._parts = tuple(parts)
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape: tuple[int, ...] = (int(self._ends[-1]), *parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | NDArray[Any]) -> NDArray[np.uint8]:
        """What the same index gives of one array, always as a copy."""
        wanted = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        if wanted.dtype == np.bool_:
            wanted = np.flatnonzero(wanted)
        wanted = np.where(wanted < 0, wanted + len(self), wanted)
        if np.any((wanted < 0) | (wanted >= len(self))):
            raise IndexError(f"row {rows} of {len(self)}")
        found = np.empty((*wanted.shape, *self.shape[1:]), np.uint8)
        which = np.searchsorted(self._ends, wanted, side="right")
        for number in np.unique(which):
            here, part = which == number, self._parts[number]
            found[here] = part[wanted[here] - (self._ends[number] - len(part))]
        return found


Images: TypeAlias = NDArray[np.uint8] | MappedArray  # [M, C, H, W]


class RowFile:
    """An .npy file that grows row by row; numpy pads its header, so that any number of rows fits."""

    def __init__(self, path: Path, dtype: np.dtype[Any], row: tuple[int, ...] = ()) -> None:
        """`row` is the shape of one of them."""
        self.count = 0
        self._description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
        self._row = row
        self._file = path.open("wb")
        self._write_header()

    def add(self, row: bytes) -> None:
        """The values of one row."""
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
        """Whole and on disk, unless something has failed."""
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._write_header()
                self._file.flush()
                os.fsync(self._file.fileno())

    def _write_header(self) -> None:
        described = {**self._description, "shape": (self.count, *self._row)}
        np.lib.format.write_array_header_1_0(self._file, described)


def write_mapped_array(folder: Path, row: tuple[int, ...], rows: Iterable[bytes]) -> int:
    """Write uint8 rows of shape `row` into as many files as they need; how many rows there were."""
    most = max(1, MAX_FILE_BYTES // math.prod(row))
    count, waiting = 0, iter(rows)
    for number in itertools.count():
        with RowFile(_name(folder, number), np.dtype(np.uint8), row) as file:
            for pixels in itertools.islice(waiting, most):
                file.add(pixels)
        count += file.count
        if file.count < most:
            break
    if number and not file.count:  # the one before was just full
        _name(folder, number).unlink()
    return count


def open_mapped_array(folder: Path, shape: tuple[int, ...]) -> Images:
    """What `write_mapped_array` wrote, uint8 `shape`; OSError or ValueError where it is not whole."""
    parts: list[NDArray[np.uint8]] = []
    while sum(map(len, parts)) < shape[0] or not parts:
        parts.append(open_memmap(_name(folder, len(parts))))
    if any(part.dtype != np.uint8 for part in parts):
        raise ValueError(f"{folder} does not hold pixels")
    rows = {part.shape[1:] for part in parts}
    if rows != {tuple(shape[1:])} or sum(map(len, parts)) != shape[0]:
        raise ValueError(f"{folder} does not hold {shape} pixels")
    return parts[0] if len(parts) == 1 else MappedArray(parts)


def open_memmap(path: Path) -> NDArray[Any]:
    """The array of an .npy file, read-only and memory-mapped; OSError or ValueError where it is not whole."""
    array: np.memmap[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if path.stat().st_size != array.offset + array.nbytes:
        raise ValueError(f"{path} is longer than its array")
    return array


def _name(folder: Path, number: int) -> Path:
    return folder / (f"images-{number}.npy" if number else "images.npy")
