"""Parquet files of images, as on the Hugging Face Hub and on Kaggle.

An image is the bytes of a file, a struct {bytes, path}, or nested lists of pixels. A class is a column such
as `label`; the names of the Hub's ClassLabel are in the schema's metadata. Several files are shards of one
set, and files or folders named train and test are its split. The package pyarrow reads them.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.array_values import to_nchw
from ddpm.data.folder_roles import split_words
from ddpm.data.image_source import (
    BrokenImageError,
    ImageSource,
    NumberedNames,
    natural_sort_key,
)
from ddpm.data.pixel_columns import square_shape
from ddpm.errors import RequestError
from ddpm.messages import Message, message
from ddpm.terminal import printable_name

PARQUET_EXTENSION = ".parquet"
_LABEL_NAMES = ("label", "labels", "fine_label", "class", "category", "target", "cls", "breed", "y")
_IMAGE_NAMES = (
    "image",
    "img",
    "images",
    "picture",
    "photo",
    "bytes",
    "image_bytes",
    "jpg",
    "png",
    "pixels",
)
_CACHED_GROUPS = 4  # row groups in memory


@dataclass(frozen=True)
class _Shard:
    """A file, with the columns of its images and labels."""

    path: Path
    name: str
    is_test: bool
    groups: tuple[int, ...]  # rows of each row group
    image: str
    label: str | None
    class_names: tuple[str, ...]  # of a ClassLabel; () for other columns

    @property
    def count(self) -> int:
        return sum(self.groups)


def parquet_source(name: str, root: Path, files: Sequence[Path], fingerprint: str) -> ImageSource:
    """Return the images of Parquet files below `root`; those of test files are held out.

    Raises RequestError if pyarrow is missing, or if a file is damaged or has no images.
    """
    shards = [
        _open_shard(path, root)
        for path in sorted(files, key=lambda p: natural_sort_key(p.as_posix()))
    ]
    if not any(shard.is_test for shard in shards) or all(shard.is_test for shard in shards):
        tests: list[_Shard] = []
    else:
        tests = [shard for shard in shards if shard.is_test]
    training = [shard for shard in shards if shard not in tests]
    texts = [_class_texts(shard) for shard in (*training, *tests)]
    notes: tuple[Message, ...] = ()
    if (
        tests
        and _are_complete(texts[: len(training)])
        and not _are_complete(texts[len(training) :])
    ):
        count = sum(shard.count for shard in tests)
        notes = (message("unlabeled_left_out", count=count, name=f"{tests[0].name}/0"),)
        tests, texts = [], texts[: len(training)]
    flat = [text for part in texts for text in part]
    if 0 < (labeled := len(flat) - flat.count(None)) < len(flat):
        notes += (message("labels_incomplete", count=labeled, total=len(flat)),)
    shards = [*training, *tests]
    labels, class_names = _labels(texts, shards)
    first_test = sum(shard.count for shard in training)
    count = first_test + sum(shard.count for shard in tests)
    return ImageSource(
        name=name,
        kind="parquet",
        names=NumberedNames(tuple((f"{shard.name}/", shard.count) for shard in shards)),
        load=_Rows(shards).load,
        fingerprint=fingerprint,
        labels=labels,
        class_names=class_names,
        test=range(first_test, count),
        notes=notes,
    )


def _open_parquet(path: Path) -> Any:
    """Open a file. Raises RequestError if pyarrow is missing or the file is damaged."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise RequestError(
            f"{path} needs the package pyarrow. Run pip install 'ddpm-studio[hub]'."
        ) from error
    try:
        return pyarrow.parquet.ParquetFile(path)
    except Exception as error:  # pyarrow raises many kinds on damaged bytes
        raise RequestError(f"{path} is damaged or truncated. Download it again.") from error


def _open_shard(path: Path, root: Path) -> _Shard:
    file = _open_parquet(path)
    schema, metadata = file.schema_arrow, file.metadata
    relative = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    words = [word for part in relative.parts for word in split_words(part)]
    image = _image_column(schema)
    if image is None:
        columns = printable_name(", ".join(schema.names[:8]))
        raise RequestError(
            f"{path} has no column of images (columns: {columns}). Pass a file with the bytes of images."
        )
    names = _class_label_names(schema)
    plain = [column for column in schema.names if column.casefold() in _LABEL_NAMES]
    label = min(list(names) or plain, key=_label_rank, default=None)
    return _Shard(
        path,
        printable_name(relative.with_suffix("").as_posix()),
        bool(words) and not any(word.startswith("train") for word in words),
        tuple(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)),
        image,
        label,
        names.get(label or "", ()),
    )


def _label_rank(column: str) -> int:
    name = column.casefold()
    return _LABEL_NAMES.index(name) if name in _LABEL_NAMES else len(_LABEL_NAMES)


def _image_column(schema: Any) -> str | None:
    """Return the column of images: the likeliest name among those of a fitting type."""
    import pyarrow.types as types

    def rank(kind: Any, name: str) -> int:
        """Return 0 for {bytes, path}, 1 for bytes, 2 for lists of pixels, 3 for others."""
        if types.is_struct(kind):
            return 0 if any(kind.field(i).name == "bytes" for i in range(kind.num_fields)) else 3
        if types.is_binary(kind) or types.is_large_binary(kind):
            return 1
        is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        if not is_list:
            return 3
        return 2 if hasattr(kind.value_type, "value_type") or name in _IMAGE_NAMES else 3

    ranked = [
        (
            rank(field.type, field.name.casefold()),
            field.name.casefold() not in _IMAGE_NAMES,
            number,
            field.name,
        )
        for number, field in enumerate(schema)
    ]
    best = min(ranked, default=(3, True, 0, ""))
    return best[-1] if best[0] < 3 else None


def _class_label_names(schema: Any) -> dict[str, tuple[str, ...]]:
    """Return column → class names of the Hub's ClassLabel columns."""
    try:
        content = json.loads((schema.metadata or {})[b"huggingface"])
        features = content["info"]["features"].items()
        return {
            column: tuple(map(printable_name, feature["names"]))
            for column, feature in features
            if feature.get("_type") == "ClassLabel" and column in schema.names
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _class_texts(shard: _Shard) -> list[str | None]:
    """Return the class of each row; None without one (-1 on the Hub)."""
    if shard.label is None:
        return [None] * shard.count
    values = _read(shard, None, shard.label)
    names = dict(enumerate(shard.class_names))
    return [
        None if value in (None, -1, "") else names.get(value, printable_name(str(value)))
        for value in values
    ]


def _read(shard: _Shard, group: int | None, column: str) -> list[Any]:
    """Return the values of a column, in one row group or in all."""
    file = _open_parquet(shard.path)
    try:
        read = file.read([column]) if group is None else file.read_row_group(group, [column])
        values: list[Any] = read.column(0).to_pylist()
    except Exception as error:  # pyarrow raises many kinds on damaged bytes
        raise RequestError(f"{shard.path} is damaged or truncated. Download it again.") from error
    return values


def _are_complete(texts: Iterable[Sequence[str | None]]) -> bool:
    return all(text is not None for part in texts for text in part)


def _labels(
    texts: Sequence[Sequence[str | None]], shards: Sequence[_Shard]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return labels and class names, in the order of a ClassLabel; (None, ()) without complete classes."""
    flat = [text for part in texts for text in part]
    used = set(flat)
    if None in used or len(used) < 2:
        return None, ()
    order = shards[0].class_names
    present = [str(text) for text in used]
    names = (
        [name for name in order if name in used]
        if used <= set(order)
        else sorted(present, key=natural_sort_key)
    )
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[str(text)] for text in flat], np.int64), tuple(names)


class _Rows:
    """Rows of several files, read a row group at a time; the last few groups stay in memory."""

    def __init__(self, shards: Sequence[_Shard]) -> None:
        self._groups = [(shard, i) for shard in shards for i in range(len(shard.groups))]
        self._ends = np.cumsum([count for shard in shards for count in shard.groups])
        self._cache: OrderedDict[int, list[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, index: int) -> bytes | NDArray[np.uint8]:
        """Return the bytes of an image file, or pixels uint8 [C, H, W]."""
        group = int(np.searchsorted(self._ends, index, side="right"))
        shard, number = self._groups[group]
        row = index - int(self._ends[group]) + shard.groups[number]
        with self._lock:
            if group not in self._cache:
                try:
                    self._cache[group] = _read(shard, number, shard.image)
                except RequestError as error:
                    raise BrokenImageError("is damaged inside the Parquet file") from error
                if len(self._cache) > _CACHED_GROUPS:
                    self._cache.popitem(last=False)
            value = self._cache[group][row]
        return _item(value, shard.path)


def _item(value: Any, path: Path) -> bytes | NDArray[np.uint8]:
    """Return a cell as the bytes of an image file or as pixels."""
    if isinstance(value, dict):
        value = value.get("bytes")
    if isinstance(value, bytes):
        return value
    if value is None:
        raise BrokenImageError("has no bytes in its row, at most the name of a file elsewhere")
    try:
        pixels = np.array(value)
        if pixels.ndim == 1:
            pixels = pixels.reshape(square_shape(pixels.size) or pixels.shape)
        image: NDArray[np.uint8] = to_nchw(pixels[None], path)[0]
        return image
    except (ValueError, TypeError, RequestError) as error:
        raise BrokenImageError("is not a picture of numbers") from error
