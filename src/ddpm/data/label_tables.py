"""Class labels in files beside the images: CSV and JSON-lines tables, `dataset.json` of EDM and StyleGAN.

A table names images in one column and classes in another. Images are found by their path, its last
parts, or their name without ending, in any case, with / or \\ between folders.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ddpm.data.image_index import ImageIndex
from ddpm.data.image_source import IMAGE_EXTENSIONS, extension
from ddpm.errors import RequestError
from ddpm.messages import Message, message
from ddpm.terminal import printable_name

TABLE_EXTENSIONS = ("csv", "tsv", "jsonl")
LABELS_JSON = "dataset.json"
MAX_LABEL_BYTES = 1 << 28  # of a file of labels
_MAX_TABLES = 50
_DELIMITERS = ",;\t|"
_MAX_NAME_COLUMNS = 20  # the names of the images are among the first columns
_MIN_MATCHED = 0.5  # share of the rows or of the images that a column of names has to match
_LABEL_NAMES = (
    "label", "labels", "class", "classes", "category", "target", "class_name", "label_name", "class_id",
    "label_id", "species", "breed", "diagnosis", "dx", "emotion", "type", "kind", "tag", "y",
)  # fmt: skip
_SPLIT_NAMES = {"split", "set", "usage", "subset", "partition", "data set", "fold", "is_train"}


@dataclass(frozen=True)
class FileLabels:
    """Classes that a file gives to images: item → name of the class."""

    labels: Mapping[int, str]
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows of a CSV under their column names."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # of the table's width
    has_header: bool


def read_labels_json(data: bytes, name: str, index: ImageIndex) -> FileLabels | None:
    """Return the labels of a `dataset.json`, {"labels": [["00000/img.png", 3], …]}; None without such a list.

    Text, numbers and one-hot rows are classes. A null is no label. Other vectors are no classes, which a
    note says.
    """
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    pairs = content.get("labels") if isinstance(content, dict) else None
    if isinstance(pairs, dict):
        pairs = list(pairs.items())
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        return None
    labels: dict[int, str] = {}
    for path, value in pairs:
        item = index.find(path, name)
        if value is None or item is None:
            continue
        text = _class_text(value)
        if text is None:
            return FileLabels({}, (message("labels_vectors", file=printable_name(name)),))
        labels[item] = text
    note = message("labels_from_json", file=printable_name(name))
    return FileLabels(labels, (note,)) if labels else None


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)


def _class_text(value: Any) -> str | None:
    """Return a label as the name of a class; None for a vector or a number that is none."""
    if isinstance(value, list):
        if len(value) == 1:
            return _class_text(value[0])
        is_one_hot = all(x in (0, 1) for x in value) and sum(value) == 1
        return str(value.index(1)) if is_one_hot else None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else None
    return printable_name(str(value)) if isinstance(value, str | int) else None


def read_table(data: bytes, name: str, index: ImageIndex) -> tuple[Table, int] | None:
    """Return a table, and the column that names images of `index`; None if no column does."""
    try:
        text = _decoded(data)
        rows = _json_rows(text) if extension(name) == "jsonl" else _csv_rows(text)
    except (csv.Error, ValueError, RecursionError, AttributeError):
        return None
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    width = len(rows[0]) if rows else 0
    if width < 2:
        return None
    has_header = all(index.find(cell, name) is None for cell in rows[0])
    columns = rows[0] if has_header else [str(number) for number in range(1, width + 1)]
    body = tuple(tuple((row + [""] * width)[:width]) for row in rows[has_header:])
    table = Table(name, tuple(map(printable_name, columns)), body, has_header)
    column = _name_column(table, index)
    return None if column is None else (table, column)


def table_labels(
    table: Table, files: int, column: str | None, index: ImageIndex
) -> FileLabels | None:
    """Return the labels in a table whose column `files` names the images; None if it has no classes.

    `column`: name of the column with the classes; None: guessed. Raises RequestError if the named column
    gives an image several classes.
    """
    if column is None:
        texts, title = _guess(table, files)
        if texts is None:
            return FileLabels({}, _choice_note(table, files)) if title else None
    else:
        number = find_column(table, column)
        if number is None:
            return None
        texts, title = [row[number] for row in table.rows], table.columns[number]
    labels: dict[int, str] = {}
    file = printable_name(table.name)
    for row, text in zip(table.rows, texts, strict=True):
        item = index.find(row[files], table.name)
        if item is None or not text:
            continue
        if labels.setdefault(item, printable_name(text)) != printable_name(text):
            if column is None:
                return FileLabels({}, (message("labels_conflict", file=file, column=title),))
            raise RequestError(
                f"{file} gives {index.names[item]} several classes in the column {title}. Name another "
                "column, or keep one row for each image."
            )
    return FileLabels(labels, (message("labels_from_table", file=file, column=title),))


def find_column(table: Table, column: str) -> int | None:
    """Return the number of a column by its name, in any case if that is unique."""
    names = [name.casefold() for name in table.columns]
    wanted = printable_name(column.strip())
    if wanted in table.columns:
        return table.columns.index(wanted)
    return names.index(wanted.casefold()) if names.count(wanted.casefold()) == 1 else None


def is_label_file(name: str) -> bool:
    """Return whether a file may hold labels of the images beside it."""
    base = name.rpartition("/")[2].lower()
    return extension(base) in TABLE_EXTENSIONS or base == LABELS_JSON


def candidate_files(files: Mapping[str, Callable[[], bytes]]) -> list[str]:
    """Return the names of the files to look into; none if there are too many for tables of labels."""
    names = [name for name in files if "submission" not in name.lower()]
    return names if len(names) <= _MAX_TABLES else []


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")  # saved by a spreadsheet


def delimiter_of(text: str) -> str:
    """Return the delimiter that splits the first line of a CSV most often."""
    line = text.lstrip().partition("\n")[0]
    return max(_DELIMITERS, key=line.count)


def _csv_rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text)))


def _json_rows(text: str) -> list[list[str]]:
    """Return the rows of JSON lines such as {"file_name": "1.png", "label": 3}, below their names."""
    records = [json.loads(line) for line in text.splitlines() if line.strip()]
    columns = list(records[0].keys()) if records else []
    return [columns, *([str(record.get(column, "")) for column in columns] for record in records)]


def _name_column(table: Table, index: ImageIndex) -> int | None:
    """Return the column that names the most different images; None if it names few."""
    found = [
        {index.find(cell, table.name) for cell in cells} - {None}
        for cells in itertools.islice(zip(*table.rows, strict=True), _MAX_NAME_COLUMNS)
    ]
    if not found:
        return None
    best = max(range(len(found)), key=lambda column: len(found[column]))
    matched = len(found[best])
    enough = _MIN_MATCHED * min(len(table.rows), len(index.names))
    return best if matched and matched >= enough else None


def _guess(table: Table, files: int) -> tuple[list[str] | None, str]:
    """Return the classes of the rows and their column; (None, "") if there are none.

    (None, a name) stands for several columns that could hold them.
    """
    others = [number for number in range(len(table.columns)) if number != files]
    names = {table.columns[number].casefold(): number for number in reversed(others)}
    named = next((names[name] for name in _LABEL_NAMES if name in names), None)
    if named is not None:
        return [row[named] for row in table.rows], table.columns[named]
    if (one_hot := _one_hot(table, others)) is not None:
        return one_hot, " | ".join(table.columns[number] for number in others)
    likely = [number for number in others if _may_be_classes(table, number)]
    if len(likely) == 1:
        return [row[likely[0]] for row in table.rows], table.columns[likely[0]]
    return None, "several" if likely else ""


def _may_be_classes(table: Table, column: int) -> bool:
    """Return whether a column has at least two values that repeat, and is no split or measurement."""
    values = [row[column] for row in table.rows]
    different = set(values) - {""}
    if table.columns[column].casefold() in _SPLIT_NAMES or len(different) < 2:
        return False
    if any(extension(value) in IMAGE_EXTENSIONS for value in different):
        return False
    return len(different) <= max(2, len(values) // 2) and not any(map(_is_fraction, different))


def _is_fraction(text: str) -> bool:
    try:
        return not float(text.replace(",", ".")).is_integer()
    except (ValueError, OverflowError):
        return False


def _one_hot(table: Table, columns: Sequence[int]) -> list[str] | None:
    """Return the column name of the only 1 in each row; None if the columns are not 0 or 1."""
    if len(columns) < 2:
        return None
    values = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}
    classes = []
    for row in table.rows:
        bits = [values.get(row[column]) for column in columns]
        if None in bits or bits.count(1) != 1:
            return None
        classes.append(table.columns[columns[bits.index(1)]])
    return classes


def _choice_note(table: Table, files: int) -> tuple[Message, ...]:
    columns = [name for number, name in enumerate(table.columns) if number != files]
    listed = ", ".join(columns[:6]) + (", …" if len(columns) > 6 else "")
    return (message("labels_choice", file=printable_name(table.name), columns=listed),)
