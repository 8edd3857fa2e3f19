"""CSV tables of pixels, as on Kaggle: a row per image, with or without a label column.

The pixels are in columns of their own (`label,pixel0,…`) or in one column, separated by blanks
(`emotion,pixels,Usage`). Images are square, gray or color; color is stored as R, G and B planes.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from ddpm.data.array_values import class_labels, to_nchw
from ddpm.data.folder_roles import split_words
from ddpm.data.gzipped import open_gzipped
from ddpm.data.image_source import ImageSource, NumberedNames
from ddpm.data.label_tables import delimiter_of
from ddpm.data.pixel_columns import PixelColumns, find_columns
from ddpm.errors import RequestError
from ddpm.messages import Message, message
from ddpm.terminal import printable_name

PIXEL_TABLE_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_MAX_TABLE_BYTES = 4 << 30
_MAX_CELL = 1 << 20  # characters
_BLOCK = 4096  # rows read at a time


@dataclass(frozen=True)
class _Table:
    """Images uint8 [N, C, H, W], the texts of their labels, and which are test images [N]."""

    images: NDArray[np.uint8]
    labels: tuple[str, ...] | None
    test: NDArray[np.bool_]


def is_table_name(name: str) -> bool:
    """Return whether this names a CSV, which may hold pixels."""
    return name.lower().endswith(PIXEL_TABLE_ENDINGS)


def find_tables(root: Path, paths: Sequence[Path]) -> list[Path]:
    """Return the tables of pixels among CSV files; a single file of any kind; a training table first.

    Two tables are one set if their names say so, such as `train.csv` and `test.csv`. Raises RequestError,
    which names `root`, for others.
    """
    tables = [path for path in paths if _has_pixels(path)]
    if len(tables) < 2:
        return tables or (list(paths) if len(paths) == 1 else [])
    kinds = {_is_test(path) for path in tables if split_words(path.name)}
    if len(tables) > 2 or len(kinds) < 2:
        listed = ", ".join(printable_name(path.name) for path in tables[:3])
        raise RequestError(
            f"{root} contains several tables of pixels ({listed}). Pass one of them."
        )
    return sorted(tables, key=_is_test)


def table_source(name: str, paths: Sequence[Path], fingerprint: str) -> ImageSource:
    """Return the images of a table of pixels, or of a training and a test table, which is held out.

    Test images without labels are left out if the training images have some. Raises RequestError if the
    columns are not the pixels of square images.
    """
    tables = [_read_table(path, fingerprint) for path in paths]
    if len({table.images.shape[1:] for table in tables}) > 1:
        raise RequestError(f"{paths[0]} and {paths[1]} hold images of different sizes. Pass one.")
    notes: tuple[Message, ...] = ()
    if tables[0].labels is not None and tables[-1].labels is None:
        example = f"{printable_name(paths[1].name)}/0"
        notes = (message("unlabeled_left_out", count=len(tables[1].images), name=example),)
        tables = tables[:1]
    test = np.concatenate([tables[0].test, *(np.ones_like(table.test) for table in tables[1:])])
    order = np.argsort(test, kind="stable")  # training images first
    images = np.concatenate([table.images for table in tables])
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    if all(table.labels is not None for table in tables):
        texts = np.array([text for table in tables for text in table.labels or ()])
        labels, class_names = class_labels(_as_integers(texts[order]), len(texts), paths[0])
    return ImageSource(
        name=name,
        kind="pixel table",
        names=NumberedNames((("", len(order)),)),
        load=lambda index: images[order[index]],
        fingerprint=fingerprint,
        labels=labels,
        class_names=class_names,
        test=range(int((~test).sum()), len(test)) if not test.all() and test.any() else (),
        notes=notes,
    )


def _has_pixels(path: Path) -> bool:
    try:
        return _columns(path)[0] is not None
    except RequestError:
        return False


def _is_test(path: Path) -> bool:
    return any(not word.startswith("train") for word in split_words(path.name))


def _as_integers(texts: NDArray[np.str_]) -> NDArray[np.generic]:
    """Return labels as integers if all are, else as text."""
    try:
        numbers = texts.astype(np.float64)
    except ValueError:
        return texts
    return numbers.astype(np.int64) if (numbers == np.rint(numbers)).all() else texts


@lru_cache(maxsize=2)
def _read_table(path: Path, fingerprint: str) -> _Table:
    """Return the images of a table; `fingerprint` changes with the file."""
    columns, delimiter, width = _columns(path)
    if columns is None:
        raise RequestError(
            f"{path} has {width} columns, which are not the pixels of square images. "
            "Pass a CSV such as label,pixel0,pixel1,…, or for a table of labels the folder of its images."
        )
    read = _packed_pixels if columns.is_packed else _separate_pixels
    try:
        if path.stat().st_size > _MAX_TABLE_BYTES:
            raise ValueError("too long")
        values = np.concatenate(list(read(path, columns, delimiter)))
        labels = _column(path, columns, columns.label, delimiter)
        split = _column(path, columns, columns.split, delimiter)
        if any(texts is not None and len(texts) != len(values) for texts in (labels, split)):
            raise ValueError("rows of different lengths")
    except (ValueError, OSError, EOFError, csv.Error, zlib.error, MemoryError) as error:
        raise RequestError(
            f"{path} is not a table of numbers. Pass one row of pixels per image."
        ) from error
    test = np.array(["train" not in text.casefold() for text in split or ()], bool)
    images = to_nchw(values.reshape(-1, *columns.shape), path)
    return _Table(images, labels, test if len(test) else np.zeros(len(images), bool))


def _columns(path: Path) -> tuple[PixelColumns | None, str, int]:
    """Return the columns of a table, None if they hold no square images; the delimiter; the width."""
    try:
        csv.field_size_limit(_MAX_CELL)
        with _open_text(path) as file:
            text = "".join(itertools.islice(file, 2))
        delimiter = delimiter_of(text)
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise RequestError(f"{path} is not a readable CSV. Save it as UTF-8 text.") from error
    first, second = [*rows, [], []][:2]
    return find_columns(first, second), delimiter, len(first)


def _open_text(path: Path) -> TextIO:
    return io.TextIOWrapper(open_gzipped(path), encoding="utf-8-sig", newline="")


def _separate_pixels(
    path: Path, columns: PixelColumns, delimiter: str
) -> Iterator[NDArray[np.float32]]:
    """Yield the pixels of some rows at a time, [rows, pixels]."""
    with _open_text(path) as file:
        lines = itertools.islice(file, int(columns.has_header), None)
        while block := list(itertools.islice(lines, _BLOCK)):
            found = np.loadtxt(
                block,
                np.float32,
                delimiter=delimiter,
                usecols=columns.pixels,
                ndmin=2,
                quotechar='"',
            )
            yield found.reshape(-1, len(columns.pixels))


def _packed_pixels(
    path: Path, columns: PixelColumns, delimiter: str
) -> Iterator[NDArray[np.float32]]:
    """Yield the pixels of one row at a time, [1, pixels]."""
    for row in _rows(path, columns, delimiter):
        pixels = np.array(row[columns.pixels[0]].split(), np.float32)
        if len(pixels) != math.prod(columns.shape):
            raise ValueError("rows of different lengths")
        yield pixels[None]


def _column(
    path: Path, columns: PixelColumns, column: int | None, delimiter: str
) -> tuple[str, ...] | None:
    """Return the texts in a column."""
    if column is None:
        return None
    return tuple(row[column].strip() for row in _rows(path, columns, delimiter))


def _rows(path: Path, columns: PixelColumns, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows below the header that are not empty. Raises ValueError for short ones."""
    with _open_text(path) as file:
        reader = csv.reader(file, delimiter=delimiter)
        for row in filter(None, itertools.islice(reader, int(columns.has_header), None)):
            if len(row) < columns.width:
                raise ValueError("rows of different lengths")
            yield row
