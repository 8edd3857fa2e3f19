"""A folder of image files, found recursively, in the same order on every system."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from ddpm.data.image_source import (
    ARCHIVE_EXTENSIONS,
    MAX_IMAGE_BYTES,
    BrokenImageError,
    ImageSource,
    folder_labels,
    is_image_name,
    natural_sort_key,
    printable_name,
)
from ddpm.errors import RequestError
from ddpm.runs import RunFolder


def files_below(root: Path) -> dict[str, Path]:
    """Every file below ``root`` that is not hidden: its relative name, with /, to its path.

    Links to folders are followed, but no folder is entered twice, so that a loop of links ends. Runs
    are passed over: their pictures are none of the user's. RequestError where ``root`` is a run, or
    where a folder cannot be looked into: its images would be missed without a word.
    """
    if RunFolder(root).has_begun():
        raise RequestError(
            f"{printable_name(str(root))} is a run folder, not a data set. Pass a folder, a zip or "
            "an array of images."
        )
    found = {path.relative_to(root).as_posix(): path for path in _walk(root)}
    return {
        name: found[name]
        for name in sorted(found, key=lambda n: natural_sort_key(printable_name(n)))
    }


def _walk(root: Path) -> Iterator[Path]:
    """The files of `root` and below; without recursion, so that any depth will do."""
    waiting, entered = [str(root)], set()
    while waiting:
        folder = waiting.pop()
        identity, entries = _look_into(folder)
        if identity in entered:
            continue
        entered.add(identity)
        if RunFolder(Path(folder)).has_begun():
            continue
        inner = [path for path in entries if os.path.isdir(path)]  # links to folders are followed
        yield from map(Path, entries - set(inner))
        waiting += sorted(inner, key=natural_sort_key, reverse=True)


def _look_into(folder: str) -> tuple[tuple[int, int], set[str]]:
    """Which folder it is, whatever the links on the way there, and the paths in it."""
    try:
        status = os.stat(folder)
        with os.scandir(folder) as entries:
            paths = {entry.path for entry in entries if _visible(entry.name)}
    except OSError as error:
        _refuse(error)
    return (status.st_dev, status.st_ino), paths


def _refuse(error: OSError) -> NoReturn:
    raise RequestError(
        f"{error.filename} cannot be looked into ({error.strerror}); make it readable or move it away."
    ) from error


def _visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def folder_source(root: Path, files: Mapping[str, Path]) -> ImageSource:
    """The images among ``files``, the relative names and paths of what lies in ``root``."""
    names = tuple(printable_name(name) for name in files if is_image_name(name))
    paths = [path for name, path in files.items() if is_image_name(name)]
    labels, class_names = folder_labels(names, printable_name(root.name))

    def load(index: int) -> bytes:
        return read_file(paths[index])

    return ImageSource(
        name=printable_name(root.name),
        kind="folder",
        names=names,
        load=load,
        fingerprint=fingerprint(root, paths),
        labels=labels,
        class_names=class_names,
        ignored=tuple(
            printable_name(name) for name in files if name.lower().endswith(ARCHIVE_EXTENSIONS)
        ),
    )


def read_file(path: Path) -> bytes:
    """The bytes of one image file; BrokenImageError where it cannot be read or is absurdly long."""
    if path.exists() and not path.is_file():
        raise BrokenImageError("is no file, but a pipe or a device")  # which could be read for ever
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size  # room for no more than this is taken at once
            data = file.read(min(length, MAX_IMAGE_BYTES) + 1)
    except OSError as error:
        raise BrokenImageError(f"cannot be read ({error.strerror or error})") from error
    if len(data) > MAX_IMAGE_BYTES:
        raise BrokenImageError(f"is longer than {MAX_IMAGE_BYTES >> 20} MiB")
    return data


def fingerprint(root: Path, paths: Iterable[Path]) -> str:
    """Where the files lie, how long they are and when they changed: a cheap sign of a change."""
    digest = hashlib.sha256()
    digest.update(_path_bytes(root))
    for path in paths:
        digest.update(_path_bytes(path))
        try:
            status = path.stat()
            digest.update(f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}\n".encode())
        except OSError:  # a link to nowhere
            digest.update(b"unreadable\n")
    return digest.hexdigest()


def _path_bytes(path: Path) -> bytes:
    return os.path.abspath(path).encode("utf-8", "surrogatepass") + b"\0"
