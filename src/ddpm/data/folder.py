"""Folders of image files, searched recursively, in the same order on every system."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from ddpm.data.image_source import (
    ARCHIVE_EXTENSIONS,
    HEAD_BYTES,
    MAX_IMAGE_BYTES,
    BrokenImageError,
    ImageSource,
    count_other_files,
    is_image,
    natural_sort_key,
)
from ddpm.data.label_tables import MAX_LABEL_BYTES, is_label_file
from ddpm.errors import RequestError
from ddpm.runs import RunFolder
from ddpm.terminal import printable_name


def files_below(root: Path) -> dict[str, Path]:
    """Return every file below `root` that is not hidden, as relative name (with /) → path.

    Links to folders are followed, but no folder is entered twice. Run folders are skipped. Raises
    RequestError if `root` is a run folder, or if a folder cannot be read.
    """
    if RunFolder(root).has_started():
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
    """Yield the files below `root`, without recursion so that depth is unlimited."""
    pending, visited = [str(root)], set()
    while pending:
        folder = pending.pop()
        identity, entries = _list_folder(folder)
        if identity in visited:
            continue
        visited.add(identity)
        if RunFolder(Path(folder)).has_started():
            continue
        subfolders = [path for path in entries if os.path.isdir(path)]
        yield from map(Path, entries - set(subfolders))
        pending += sorted(subfolders, key=natural_sort_key, reverse=True)


def _list_folder(folder: str) -> tuple[tuple[int, int], set[str]]:
    """Return the identity (device, inode) of a folder and the visible paths in it."""
    try:
        status = os.stat(folder)
        with os.scandir(folder) as entries:
            paths = {entry.path for entry in entries if _visible(entry.name)}
    except OSError as error:
        raise RequestError(
            f"{error.filename} cannot be read ({error.strerror}). Make it readable or move it away."
        ) from error
    return (status.st_dev, status.st_ino), paths


def _visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def folder_source(root: Path, files: Mapping[str, Path]) -> ImageSource:
    """Return the images among `files`, a mapping of names relative to `root` to paths."""
    images = {name: path for name, path in files.items() if is_image_file(name, path)}
    names, paths = tuple(map(printable_name, images)), list(images.values())

    def load(index: int) -> bytes:
        return read_file(paths[index])

    return ImageSource(
        name=printable_name(root.name),
        kind="folder",
        names=names,
        load=load,
        fingerprint=fingerprint(root, paths),
        other_files=count_other_files(printable_name(name) for name in files if name not in images),
        unopened_archives=tuple(
            printable_name(name) for name in files if name.lower().endswith(ARCHIVE_EXTENSIONS)
        ),
        label_files=label_files(files),
    )


def label_files(files: Mapping[str, Path]) -> dict[str, Callable[[], bytes]]:
    """Return the files that may hold labels of images: name → reader of its bytes."""
    return {
        printable_name(name): partial(_read_label_file, path)
        for name, path in files.items()
        if is_label_file(name)
    }


def _read_label_file(path: Path) -> bytes:
    """Return the bytes of a file of labels; none if it cannot be read or is too long for one."""
    with contextlib.suppress(OSError):
        if path.is_file() and path.stat().st_size <= MAX_LABEL_BYTES:
            return path.read_bytes()
    return b""


def is_image_file(name: str, path: Path) -> bool:
    """Return whether the file `name` at `path` is an image; see `image_source.is_image`."""

    def read_head() -> bytes:
        with contextlib.suppress(OSError):
            if path.is_file():  # not a pipe
                with path.open("rb") as file:
                    return file.read(HEAD_BYTES)
        return b""

    return is_image(name, read_head)


def read_file(path: Path) -> bytes:
    """Return the bytes of an image file. Raises BrokenImageError if it is unreadable or too long."""
    if path.exists() and not path.is_file():
        raise BrokenImageError("is a pipe or a device, not a file")  # reading it might never end
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size  # limits the memory that read() allocates
            data = file.read(min(length, MAX_IMAGE_BYTES) + 1)
    except OSError as error:
        raise BrokenImageError(f"cannot be read ({error.strerror or error})") from error
    if len(data) > MAX_IMAGE_BYTES:
        raise BrokenImageError(f"is longer than {MAX_IMAGE_BYTES >> 20} MiB")
    return data


def fingerprint(root: Path, paths: Iterable[Path]) -> str:
    """Return a hash of the paths, sizes and dates of files, which changes if one of them does."""
    digest = hashlib.sha256()
    digest.update(_path_bytes(root))
    for path in paths:
        digest.update(_path_bytes(path))
        try:
            status = path.stat()
            digest.update(f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}\n".encode())
        except OSError:  # a broken link
            digest.update(b"unreadable\n")
    return digest.hexdigest()


def _path_bytes(path: Path) -> bytes:
    return os.path.abspath(path).encode("utf-8", "surrogatepass") + b"\0"
