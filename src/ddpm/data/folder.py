"""A folder of image files, found recursively, in the same order on every system."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ddpm.data.source import (
    LARGEST_FILE,
    BrokenImageError,
    ImageSource,
    folder_labels,
    is_image_name,
    natural_key,
    printable,
)
from ddpm.errors import RequestError


def files_below(root: Path) -> dict[str, Path]:
    """Every file below ``root`` that is not hidden: its relative name, with /, to its path.

    Links to folders are followed, but no folder is entered twice, so that a loop of links ends.
    RequestError where a folder cannot be looked into: its images would be missed without a word.
    """
    found = {path.relative_to(root).as_posix(): path for path in _walk(root)}
    return {name: found[name] for name in sorted(found, key=lambda n: natural_key(printable(n)))}


def _walk(root: Path) -> Iterator[Path]:
    entered = set()
    for folder, inner, files in os.walk(root, onerror=_refuse, followlinks=True):
        if (real := os.path.realpath(folder)) in entered:
            inner.clear()
            continue
        entered.add(real)
        inner[:] = sorted(filter(_visible, inner), key=natural_key)
        yield from (Path(folder, name) for name in filter(_visible, files))


def _refuse(error: OSError) -> None:
    raise RequestError(
        f"{error.filename} cannot be looked into ({error.strerror}); make it readable or move it away."
    ) from error


def _visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def folder_source(root: Path, files: Mapping[str, Path]) -> ImageSource:
    """The images among ``files``, the relative names and paths of what lies in ``root``."""
    names = tuple(printable(name) for name in files if is_image_name(name))
    paths = [path for name, path in files.items() if is_image_name(name)]
    labels, class_names = folder_labels(names, root.name)

    def load(index: int) -> bytes:
        return read_file(paths[index])

    return ImageSource(
        name=root.name,
        kind="folder",
        names=names,
        load=load,
        fingerprint=fingerprint(root, paths),
        labels=labels,
        class_names=class_names,
        ignored=tuple(printable(name) for name in files if name.lower().endswith(".zip")),
    )


def read_file(path: Path) -> bytes:
    """The bytes of one image file; BrokenImageError where it cannot be read or is absurdly long."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BrokenImageError(f"cannot be read ({error.strerror or error})") from error
    if len(data) > LARGEST_FILE:
        raise BrokenImageError(f"is longer than {LARGEST_FILE >> 20} MiB")
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
