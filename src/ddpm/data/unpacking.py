"""Archives of other data sets: IDX files, tables, arrays, CIFAR batches or Parquet inside a zip or tar.

They are unpacked once per process, into a temporary folder that is deleted when the process ends.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Literal

from ddpm.data.folder import fingerprint
from ddpm.data.image_source import is_decompression_bomb
from ddpm.data.zips import SAFE_COMPRESSIONS, escapes_archive, safe_member_name
from ddpm.errors import RequestError
from ddpm.terminal import printable_name

_UNPACKED: dict[str, tempfile.TemporaryDirectory[str]] = {}  # by the fingerprint of the archive
_CHUNK = 1 << 20

# name, packed bytes, unpacked bytes, opener
_Member = tuple[str, int, int, Callable[[], IO[bytes]]]


def unpacked_folder(
    path: Path, kind: Literal["zip", "tar"], is_wanted: Callable[[str], bool]
) -> Path | None:
    """Return a folder with the wanted files of a zip or tar; None if it has none.

    `is_wanted` gets the names of files without their folders. Raises RequestError if the files are damaged,
    unsafe, or do not fit on the disk.
    """
    key = fingerprint(path, [path])
    if key not in _UNPACKED:
        read = _zip_members if kind == "zip" else _tar_members
        folder = tempfile.TemporaryDirectory(prefix="ddpm-", ignore_cleanup_errors=True)
        try:
            found = _extract(path, read, is_wanted, Path(folder.name))
        except RequestError:
            folder.cleanup()
            raise
        except Exception as error:  # unpackers raise nearly anything on damaged bytes
            folder.cleanup()
            raise RequestError(
                f"{path} is damaged, or does not fit on the disk when unpacked. Unpack it yourself and pass "
                "the folder."
            ) from error
        if not found:
            folder.cleanup()
            return None
        _UNPACKED[key] = folder
    return Path(_UNPACKED[key].name)


def _extract(
    path: Path,
    read: Callable[[Path], Iterator[_Member]],
    is_wanted: Callable[[str], bool],
    folder: Path,
) -> bool:
    """Write the wanted members into `folder`; return whether there are any."""
    found = False
    for name, packed, size, open_member in read(path):
        if not is_wanted(name.rpartition("/")[2]):
            continue
        if is_decompression_bomb(packed, size) or size > shutil.disk_usage(folder).free:
            raise RequestError(
                f"{path} unpacks {name} to {size:,} bytes. Unpack it yourself and pass the folder."
            )
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member() as source, target.open("xb") as file:
            shutil.copyfileobj(_Limited(source, size), file, _CHUNK)
        found = True
    return found


class _Limited:
    """A file that ends after `size` bytes, whatever the unpacker produces."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, count: int = _CHUNK) -> bytes:
        data = self._file.read(min(count, self._left))
        self._left -= len(data)
        return data


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir() or info.compress_type not in SAFE_COMPRESSIONS:
                continue
            name = safe_member_name(info, path)
            yield name, info.compress_size, info.file_size, partial(archive.open, info)


def _tar_members(path: Path) -> Iterator[_Member]:
    with tarfile.open(path, "r:") as archive:
        for info in archive:
            if info.isreg() and not info.issparse():
                name = printable_name(info.name.replace("\\", "/")).removeprefix("./")
                if escapes_archive(name):
                    continue
                yield name, info.size, info.size, partial(_member_file, archive, info)


def _member_file(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(info)
    assert file is not None  # a regular file
    return file
