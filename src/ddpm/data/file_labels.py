"""Search for the file beside the images that holds their labels."""

from __future__ import annotations

from collections.abc import Iterable

from ddpm.data.image_index import ImageIndex
from ddpm.data.image_source import ImageSource
from ddpm.data.label_tables import (
    LABELS_JSON,
    FileLabels,
    candidate_files,
    find_column,
    read_labels_json,
    read_table,
    table_labels,
)
from ddpm.errors import RequestError
from ddpm.messages import message

_LISTED = 3  # names in a note


def find_file_labels(
    source: ImageSource, label_column: str, has_class_folders: bool
) -> FileLabels | None:
    """Return the labels of a file beside the images; None if there is none.

    A `dataset.json` is preferred to class folders, and these to a table that is not named.
    """
    files = source.label_files
    if not files:
        if label_column:
            raise _no_column_error(source, label_column, [])
        return None
    index = ImageIndex(source.names)
    if label_column:
        return _named_labels(source, label_column, index)
    for name in candidate_files(files):
        if name.rpartition("/")[2].lower() == LABELS_JSON:
            found = read_labels_json(files[name](), name, index)
            if found is not None:
                return found
    return None if has_class_folders else _guessed_labels(source, index)


def _named_labels(source: ImageSource, label_column: str, index: ImageIndex) -> FileLabels:
    """Return the labels in the column FILE:COLUMN. Raises RequestError if there is no such column."""
    file, _, column = label_column.partition(":")
    seen = []
    labels: dict[int, str] = {}
    for name, read in source.label_files.items():
        is_named = file == "file" or name.casefold().endswith(file.casefold())
        opened = read_table(read(), name, index) if is_named else None
        if opened is None:
            continue
        seen.append(f"{name} ({', '.join(opened[0].columns[:8])})")
        if find_column(opened[0], column) is not None:
            found = table_labels(*opened, column, index)
            labels = {**(found.labels if found else {}), **labels}
    if not labels:
        raise _no_column_error(source, label_column, seen)
    return FileLabels(labels)


def _no_column_error(source: ImageSource, label_column: str, seen: list[str]) -> RequestError:
    _, _, column = label_column.partition(":")
    tables = f"the tables are {'; '.join(seen)}" if seen else "no table names its images"
    return RequestError(
        f"data.labels={label_column} needs a .csv or .tsv in {source.name} with a column of image names and "
        f"one named {column}, but {tables}."
    )


def _guessed_labels(source: ImageSource, index: ImageIndex) -> FileLabels | None:
    """Return the labels of the table that knows the most images, with others of the same column."""
    found = []
    for name in candidate_files(source.label_files):
        opened = read_table(source.label_files[name](), name, index)
        labels = table_labels(*opened, None, index) if opened else None
        if labels is not None:
            found.append(labels)
    found.sort(key=lambda labels: -len(labels.labels))
    if not found or not found[0].labels:
        return found[0] if found else None
    best = found[0]
    column = best.notes[0]["column"]
    others = [f for f in found[1:] if f.labels and f.notes[0]["column"] == column]
    merged = dict(best.labels)
    for other in others:
        merged = {**other.labels, **merged}
    files = first_few(f.notes[0]["file"] for f in (best, *others))
    return FileLabels(merged, (message("labels_from_table", file=files, column=column),))


def first_few(names: Iterable[str]) -> str:
    """Return the first three different names, as text."""
    listed = list(dict.fromkeys(names))
    return ", ".join(listed[:_LISTED]) + (", …" if len(listed) > _LISTED else "")
