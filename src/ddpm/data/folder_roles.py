"""Roles of the folders of an image set: classes, training and test images, masks, numbered parts.

A class is the name of the folder that directly holds an image. Some folders are no classes:

- `train` beside `test`, `val` or `valid` (also `seg_train` beside `seg_test`): the test images are held out;
- `images` beside `masks` (also `photos`, `labels`, `train_masks` …): the masks are left out;
- numbered parts such as `00000`, `01000` or `part1`, `part2`;
- the folder around class folders: a few pictures beside them are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ddpm.data.numbered_parts import NumberedFolder, are_numbered_parts

_TRAIN_WORDS = {"train", "training", "trainset"}
_TEST_WORDS = {
    "test",
    "testing",
    "testset",
    "val",
    "valid",
    "validation",
    "valset",
    "eval",
    "dev",
    "validate",
    "holdout",
    "heldout",
    "evaluation",
}
_IMAGE_WORDS = {
    "image", "images", "img", "imgs", "jpegimages", "photo", "photos", "picture", "pictures", "input",
    "inputs", "original", "originals", "raw",
}  # fmt: skip
_MASK_WORDS = {
    "mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "segmentations",
    "segmentationclass", "gt", "groundtruth", "seg", "segs",
}  # fmt: skip
_STRAY_SHARE = 0.05  # of the pictures beside them

LeftOut = Literal["", "masks", "strays"]


@dataclass(frozen=True)
class Folder:
    """A folder that directly holds images."""

    path: str  # relative, with /; "" is the top
    count: int  # images
    first: int | None = None  # lowest and highest number in the images' names; None without numbers
    last: int | None = None


@dataclass(frozen=True)
class Role:
    """Role of a folder's images."""

    class_name: str | None  # None: the folder is no class
    is_test: bool = False
    left_out: LeftOut = ""
    part: str = ""  # the folder that makes them training or test images
    is_numbered: bool = False  # the folder is a numbered part


@dataclass(frozen=True)
class _Place:
    """A folder, with the components of its path that are not yet understood."""

    folder: Folder
    parts: tuple[str, ...]
    role: Role = Role(None)


def folder_roles(folders: Sequence[Folder], top: str) -> list[Role]:
    """Return the role of each folder. `top`: the class name of images outside of all folders."""
    places = [_Place(folder, tuple(filter(None, folder.path.split("/")))) for folder in folders]
    places = _remove_parts(places, _mask_roles)
    places = _remove_parts(places, _split_roles)
    places = [replace(place, parts=_without_tars(place.parts)) for place in places]
    images = [place for place in places if not place.role.left_out]
    if are_numbered_parts(
        NumberedFolder(p.parts[-1], p.folder.count, p.folder.first, p.folder.last)
        for p in images
        if p.parts
    ):
        numbered = {id(p) for p in images if p.parts}
        places = [
            replace(p, parts=p.parts[:-1], role=replace(p.role, is_numbered=True))
            if id(p) in numbered
            else p
            for p in places
        ]
    return _class_roles(places, top)


def _remove_parts(
    places: list[_Place], understand: Callable[[dict[str, int]], dict[str, Role] | None]
) -> list[_Place]:
    """Give roles by the path components at one depth and remove these, as long as `understand` finds any.

    `understand` gets the components at a depth with their numbers of images. Folders that end above it
    are only passed over if they hold a few images.
    """
    depth = 0
    while depth < max((len(place.parts) for place in places), default=0):
        counts: dict[str, int] = {}
        above = 0
        for place in places:
            if place.role.left_out:
                continue
            if len(place.parts) <= depth:
                above += place.folder.count
                continue
            name = place.parts[depth]
            counts[name] = counts.get(name, 0) + place.folder.count
        roles = understand(counts) if _are_few(above, sum(counts.values())) else None
        if roles is None:
            depth += 1
            continue
        places = [
            replace(
                place,
                parts=place.parts[:depth] + place.parts[depth + 1 :],
                role=_merged(place.role, roles[place.parts[depth]]),
            )
            if len(place.parts) > depth and place.parts[depth] in roles and not place.role.left_out
            else place
            for place in places
        ]
    return places


def _merged(first: Role, second: Role) -> Role:
    return replace(
        first,
        is_test=first.is_test or second.is_test,
        left_out=first.left_out or second.left_out,
        part=first.part or second.part,
    )


def _are_few(count: int, others: int) -> bool:
    return count <= max(1, int(_STRAY_SHARE * others)) and count < max(1, others)


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", name.casefold())


def split_words(name: str) -> list[str]:
    """Return the words of a name that mark training or test images."""
    return [word for word in _words(name) if word in _TRAIN_WORDS | _TEST_WORDS]


def _split_roles(counts: dict[str, int]) -> dict[str, Role] | None:
    """Return the roles of folders such as train and test, equal apart from these words; else None."""
    roles, rests = {}, set()
    for name in counts:
        found = split_words(name)
        if len(found) != 1:
            return None
        roles[name] = Role(None, is_test=found[0] in _TEST_WORDS, part=name)
        rests.add(_rest(name, _TRAIN_WORDS | _TEST_WORDS))
    kinds = {role.is_test for role in roles.values()}
    return roles if len(rests) == 1 and kinds == {False, True} else None


def _mask_roles(counts: dict[str, int]) -> dict[str, Role] | None:
    """Return the roles of folders such as images and masks; else None.

    Folders named for images alone are understood, too; `train` beside `train_masks` is left to the split.
    """
    masks = {name for name in counts if _MASK_WORDS & set(_words(name))}
    others = {name: _rest(name, _IMAGE_WORDS) for name in counts if name not in masks}
    if not masks or not others:
        return None
    if not {_rest(name, _MASK_WORDS) for name in masks} <= set(others.values()):
        return None
    images = {name: Role(None) for name, rest in others.items() if not rest}
    return images | {name: Role(None, left_out="masks", part=name) for name in masks}


def _rest(name: str, known: set[str]) -> tuple[str, ...]:
    return tuple(word for word in _words(name) if word not in known)


def _without_tars(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Remove the names of tar shards, which are not folders."""
    return tuple(part for part in parts if not part.lower().endswith(".tar"))


def _class_roles(places: list[_Place], top: str) -> list[Role]:
    """Return the roles with class names; a few pictures beside class folders are left out."""
    kept = [place for place in places if not place.role.left_out]
    counts: dict[tuple[str, ...], int] = {}
    for place in kept:
        counts[place.parts] = counts.get(place.parts, 0) + place.folder.count
    strays = _stray_folders(counts)
    is_flat = any(place.role.is_test or place.role.is_numbered for place in kept)
    names = {
        parts: parts[-1] if parts else (None if is_flat else top)
        for parts in counts
        if parts not in strays
    }
    if len({name for name in names.values() if name is not None}) < 2 or _is_nested(counts):
        names, strays = {}, set()
    return [
        place.role
        if place.role.left_out
        else replace(
            place.role,
            class_name=names.get(place.parts),
            left_out="strays" if place.parts in strays else "",
        )
        for place in places
    ]


def _stray_folders(counts: dict[tuple[str, ...], int]) -> set[tuple[str, ...]]:
    """Return the folders around at least two others that hold a few pictures themselves."""
    inside: dict[tuple[str, ...], list[int]] = {}
    for parts, count in counts.items():
        for depth in range(len(parts)):
            inside.setdefault(parts[:depth], []).append(count)
    return {
        parts
        for parts, count in counts.items()
        if len(others := inside.get(parts, [])) >= 2
        and count < max(others)
        and _are_few(count, sum(others))
    }


def _is_nested(counts: dict[tuple[str, ...], int]) -> bool:
    """Return whether there is one folder, inside another that holds a few pictures."""
    if len(counts) != 2:
        return False
    outer, inner = sorted(counts, key=len)
    return inner[: len(outer)] == outer and _are_few(counts[outer], counts[inner])
