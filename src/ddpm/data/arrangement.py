"""Arrangement of a set of image files: which are its images, their classes, and which are held out.

Folders and files of labels decide (see `folder_roles` and `label_tables`). Whatever is not obvious is
said in a note.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ddpm.data.folder_roles import Folder, Role, folder_roles
from ddpm.data.image_source import ImageSource, SelectedNames, natural_sort_key
from ddpm.data.label_tables import (
    LABELS_JSON,
    FileLabels,
    ImageIndex,
    candidate_files,
    find_column,
    read_labels_json,
    read_table,
    table_labels,
)
from ddpm.errors import RequestError
from ddpm.messages import Message, message

FILE_KINDS = ("folder", "zip", "tar")  # of the sets whose images have names
_MASK_NAME = re.compile(r"(.+?)[ _-](mask|seg|segmentation|gt)([ _-]?\d+)?")
_NUMBER = re.compile(r"\d+")
_MIN_LABELED = 0.5  # share of the training images that need a class, unless a column is named
_NO_LABEL = -1
_LISTED = 3


@dataclass
class _Items:
    """The images of a set, while their roles are found."""

    names: Sequence[str]
    kept: NDArray[np.bool_]  # [N]
    test: NDArray[np.bool_]  # [N]
    classes: NDArray[np.int64]  # [N], index of a name, or _NO_LABEL
    class_names: list[str]
    notes: list[Message] = field(default_factory=list)
    test_folders: str = ""  # names of the folders of test images


def arrange(source: ImageSource, labels: str = "auto") -> ImageSource:
    """Return the images of a folder, zip or tar with classes and held-out images, training images first.

    `labels`: "auto"; "none" keeps images without a class, in a set without classes then; or FILE:COLUMN
    of the classes, where FILE is a table beside the images or the word "file" for any. Raises
    RequestError if there is no such column.
    """
    label_column = labels if labels not in ("auto", "none") else ""
    if source.kind not in FILE_KINDS:
        if label_column:
            raise RequestError(
                f"data.labels={label_column} needs image files with a table beside them, but {source.name} "
                f"is a set of the kind {source.kind}. Set data.labels=auto."
            )
        return source
    folders, indices = _list_folders(source.names)
    top = "" if source.kind == "tar" else source.name
    roles = folder_roles(folders, top)
    items = _apply_roles(source, folders, indices, roles)
    has_class_folders = _has_classes(items) and top not in items.class_names
    found = _file_labels(source, label_column, has_class_folders)
    if found is not None:
        _apply_file_labels(items, found)
    plain = _plain_roles(folders, top)
    is_plain = found is None and roles == plain and bool(items.kept.all())
    _leave_out_unlabeled(items, labels)
    arranged = _select(source, items, is_plain)
    is_same_choice = arranged.names is source.names and not len(arranged.test)
    if is_plain or source.labels is not None or not is_same_choice:
        return arranged
    return dataclasses.replace(arranged, folder_labels=_plain_labels(plain, indices))


def _list_folders(names: Sequence[str]) -> tuple[list[Folder], NDArray[np.int32]]:
    """Return the folders that hold images, and the index of each image's folder."""
    numbers: dict[str, int] = {}
    counts: list[int] = []
    ranges: list[tuple[int, int] | None] = []
    indices = np.empty(len(names), np.int32)
    for item, name in enumerate(names):
        path, _, file = name.rpartition("/")
        index = indices[item] = numbers.setdefault(path, len(numbers))
        found = _NUMBER.findall(_without_ending(file))
        number = int(found[-1][-15:]) if found else None
        if index == len(counts):
            counts.append(0)
            ranges.append(None if number is None else (number, number))
        counts[index] += 1
        span = ranges[index]
        if number is None or span is None:
            ranges[index] = None
        else:
            ranges[index] = min(span[0], number), max(span[1], number)
    return [
        Folder(path, counts[i], *(ranges[i] or (None, None))) for path, i in numbers.items()
    ], indices


def _plain_roles(folders: Sequence[Folder], top: str) -> list[Role]:
    """Return the roles if every folder were a class: none if there is one name only."""
    names = [f"{top}/{folder.path}".rstrip("/").rpartition("/")[2] for folder in folders]
    return [Role(name if len(set(names)) > 1 else None) for name in names]


def _plain_labels(roles: Sequence[Role], indices: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the labels if every folder were a class; an empty array for none."""
    names = sorted({role.class_name for role in roles if role.class_name}, key=natural_sort_key)
    number = {name: index for index, name in enumerate(names)}
    if not names:
        return np.empty(0, np.int64)
    return np.array([number[role.class_name or ""] for role in roles], np.int64)[indices]


def _apply_roles(
    source: ImageSource,
    folders: Sequence[Folder],
    indices: NDArray[np.int32],
    roles: Sequence[Role],
) -> _Items:
    names = source.names
    kept = np.array([not role.left_out for role in roles], bool)[indices]
    test = np.array([role.is_test for role in roles], bool)[indices]
    if source.labels is not None:
        classes, class_names = source.labels.copy(), list(source.class_names)
    else:
        class_names = list(dict.fromkeys(role.class_name for role in roles if role.class_name))
        numbers = {name: number for number, name in enumerate(class_names)}
        codes = [numbers.get(role.class_name or "", _NO_LABEL) for role in roles]
        classes = np.array(codes, np.int64)[indices]
    items = _Items(names, kept, test, classes, class_names)
    masks = kept & _masks_beside(names)
    items.kept &= ~masks
    items.notes += _role_notes(names, folders, indices, roles, masks)
    items.test_folders = _first_few(r.part for r in roles if r.is_test and not r.left_out)
    return items


def _masks_beside(names: Sequence[str]) -> NDArray[np.bool_]:
    """Return which images are masks of others beside them, such as 1_mask.png of 1.png."""
    found = np.zeros(len(names), bool)
    images = {}  # item → name of the image without its ending
    for item, name in enumerate(names):
        if match := _MASK_NAME.fullmatch(_without_ending(name)):
            images[item] = match[1]
    known = {_without_ending(name) for name in names} if images else set()
    found[[item for item, image in images.items() if image in known]] = True
    return found


def _without_ending(name: str) -> str:
    return name.rpartition(".")[0] or name


def _role_notes(
    names: Sequence[str],
    folders: Sequence[Folder],
    indices: NDArray[np.int32],
    roles: Sequence[Role],
    masks: NDArray[np.bool_],
) -> list[Message]:
    notes = []
    left = {
        kind: np.array([role.left_out == kind for role in roles], bool)[indices]
        for kind in ("masks", "strays")
    }
    if left["masks"].any():
        parts = _first_few(role.part for role in roles if role.left_out == "masks")
        notes.append(message("masks_left_out", count=int(left["masks"].sum()), folders=parts))
    if masks.any():
        example = names[int(np.flatnonzero(masks)[0])]
        notes.append(message("mask_files_left_out", count=int(masks.sum()), name=example))
    if left["strays"].any():
        strays = np.flatnonzero(left["strays"])
        listed = _first_few(names[int(item)] for item in strays)
        notes.append(message("strays_left_out", count=len(strays), names=listed))
    numbered = [
        folder.path for folder, role in zip(folders, roles, strict=True) if role.is_numbered
    ]
    if numbered:
        listed = _first_few(sorted({path.rpartition("/")[2] for path in numbered}))
        notes.append(message("numbered_folders", folders=listed))
    return notes


def _first_few(names: object) -> str:
    listed = list(dict.fromkeys(names))  # type: ignore[call-overload]
    return ", ".join(listed[:_LISTED]) + (", …" if len(listed) > _LISTED else "")


def _has_classes(items: _Items) -> bool:
    return len(set(items.classes[items.kept].tolist()) - {_NO_LABEL}) > 1


def _file_labels(
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
    files = _first_few(f.notes[0]["file"] for f in (best, *others))
    return FileLabels(merged, (message("labels_from_table", file=files, column=column),))


def _apply_file_labels(items: _Items, found: FileLabels) -> None:
    """Replace the classes by those of a file; none if it holds no classes, which its note says."""
    items.notes += found.notes
    items.class_names = list(dict.fromkeys(found.labels.values()))
    numbers = {name: number for number, name in enumerate(items.class_names)}
    items.classes = np.full(len(items.names), _NO_LABEL, np.int64)
    for item, name in found.labels.items():
        items.classes[item] = numbers[name]


def _leave_out_unlabeled(items: _Items, labels: str) -> None:
    """Leave out the images without a class.

    If these are most of the training images, or no classes are asked for, drop the classes instead.
    """
    missing = items.kept & (items.classes == _NO_LABEL)
    if not _has_classes(items) or not missing.any():
        return
    training = items.kept & ~items.test
    labeled, total = int((training & ~missing).sum()), int(training.sum())
    if labels == "none":
        known = int(items.kept.sum() - missing.sum())
        items.notes.append(message("labels_unused", count=known, total=int(items.kept.sum())))
        items.classes[:] = _NO_LABEL
        return
    if labels == "auto" and labeled < _MIN_LABELED * total:
        items.notes.append(message("labels_incomplete", count=labeled, total=total))
        items.classes[:] = _NO_LABEL
        return
    items.kept &= ~missing
    example = items.names[int(np.flatnonzero(missing)[0])]
    items.notes.append(message("unlabeled_left_out", count=int(missing.sum()), name=example))


def _select(source: ImageSource, items: _Items, is_plain: bool) -> ImageSource:
    """Return the kept images, training images first, with labels in the natural order of the classes."""
    training = np.flatnonzero(items.kept & ~items.test)
    tests = np.flatnonzero(items.kept & items.test)
    if not len(training):
        training, tests = tests, training
    if len(tests):
        items.notes.insert(0, message("test_folders", folders=items.test_folders))
    order = np.concatenate([training, tests])
    labels, class_names = _sorted_labels(items, order)
    fingerprint = source.fingerprint if is_plain else _arranged_fingerprint(source, order, labels)
    is_whole = np.array_equal(order, np.arange(len(source)))
    return dataclasses.replace(
        source,
        names=source.names if is_whole else SelectedNames(source.names, order),
        load=source.load if is_whole else lambda index: source.load(int(order[index])),
        fingerprint=fingerprint,
        labels=labels,
        class_names=class_names,
        test=range(len(training), len(order)) if len(tests) else (),
        notes=(*source.notes, *items.notes),
    )


def _sorted_labels(
    items: _Items, order: NDArray[np.int64]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return labels 0 … K-1 and class names; (None, ()) for a single class."""
    codes = items.classes[order]
    used = sorted(
        set(codes.tolist()) - {_NO_LABEL}, key=lambda c: natural_sort_key(items.class_names[c])
    )
    if len(used) < 2:
        return None, ()
    ranks = np.zeros(len(items.class_names), np.int64)
    ranks[used] = np.arange(len(used))
    return ranks[codes], tuple(items.class_names[code] for code in used)


def _arranged_fingerprint(
    source: ImageSource, order: NDArray[np.int64], labels: NDArray[np.int64] | None
) -> str:
    """Return a hash that changes with the files, and with the choice, the order or the labels of images."""
    digest = hashlib.sha256(source.fingerprint.encode())
    digest.update(order.tobytes())
    digest.update(b"" if labels is None else labels.tobytes())
    return digest.hexdigest()
