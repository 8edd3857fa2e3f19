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

from ddpm.data.file_labels import find_file_labels, first_few
from ddpm.data.folder_roles import Folder, Role, folder_roles
from ddpm.data.image_source import ImageSource, SelectedNames, natural_sort_key
from ddpm.data.label_tables import FileLabels
from ddpm.errors import RequestError
from ddpm.messages import Message, message

FILE_KINDS = ("folder", "zip", "tar")  # of the sets whose images have names
_MASK_NAME = re.compile(r"(.+?)[ _-](mask|seg|segmentation|gt)([ _-]?\d+)?")
_NUMBER = re.compile(r"\d+")
_MIN_LABELED = 0.5  # share of the training images that need a class, unless a column is named
_NO_LABEL = -1


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
    found = find_file_labels(source, label_column, has_class_folders)
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
    items.test_folders = first_few(r.part for r in roles if r.is_test and not r.left_out)
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
        parts = first_few(role.part for role in roles if role.left_out == "masks")
        notes.append(message("masks_left_out", count=int(left["masks"].sum()), folders=parts))
    if masks.any():
        example = names[int(np.flatnonzero(masks)[0])]
        notes.append(message("mask_files_left_out", count=int(masks.sum()), name=example))
    if left["strays"].any():
        strays = np.flatnonzero(left["strays"])
        listed = first_few(names[int(item)] for item in strays)
        notes.append(message("strays_left_out", count=len(strays), names=listed))
    numbered = [
        folder.path for folder, role in zip(folders, roles, strict=True) if role.is_numbered
    ]
    if numbered:
        listed = first_few(sorted({path.rpartition("/")[2] for path in numbered}))
        notes.append(message("numbered_folders", folders=listed))
    return notes


def _has_classes(items: _Items) -> bool:
    return len(set(items.classes[items.kept].tolist()) - {_NO_LABEL}) > 1


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
