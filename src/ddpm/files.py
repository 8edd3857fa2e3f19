"""Atomic file writes: each goes to a temporary file, which is flushed to disk and then renamed."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

from ddpm.errors import RequestError

TEMP_PREFIX = ".tmp-"
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EROFS)
_DAY = 24 * 3600  # seconds
_MAX_DEPTH = 64  # levels of nesting; this package writes at most five


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`. It replaces `path` on success and is deleted on failure."""
    with name_path_in_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=TEMP_PREFIX, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _flush(temporary)
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder. It replaces `path` once every file in it is on disk."""
    with name_path_in_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=path.parent))
        try:
            yield temporary
            for file in filter(Path.is_file, temporary.rglob("*")):
                _flush(file)
                file.chmod(0o666 & ~_umask())  # safetensors creates private files
            _flush_folder(temporary)
            temporary.chmod(0o777 & ~_umask())
            _replace_folder(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _flush_folder(path.parent)


@contextlib.contextmanager
def name_path_in_errors(path: Path) -> Iterator[None]:
    """Set `path` as the file name of disk errors in the block that name no file or a temporary one."""
    try:
        yield
    except OSError as error:
        filename = str(error.filename or "")
        if TEMP_PREFIX in filename or (not filename and error.errno in _DISK_ERRORS):
            error.filename = str(path)
        raise


def check_writable(path: Path) -> None:
    """Raise RequestError if `path` cannot be written. Call it before long work."""
    if path.is_dir():
        raise RequestError(f"{path} is a folder. Pass the name of a file.")
    folder = next((parent for parent in path.parents if parent.exists()), path.parent)
    if not folder.is_dir():
        raise RequestError(
            f"{path} cannot be written because {folder} is a file. Pass another path."
        )
    if not os.access(folder, os.W_OK):
        raise RequestError(
            f"{path} cannot be written because {folder} is read-only. Pass another path."
        )


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically.

    Bytes of a file name that is not UTF-8 become escapes such as \\udcfc, as on the terminal and in JSON.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a file name that is not UTF-8; \u escapes preserve it
        text = json.dumps(value, indent=2)
    write_text(path, text + "\n")


def real_path(path: Path) -> Path:
    """Return the absolute path with all links followed; a link that leads to itself stays as it is.

    `Path.resolve` raises RuntimeError for such a link before Python 3.13.
    """
    return Path(os.path.realpath(path))


def read_json(path: Path) -> Any:
    """Return the value of an untrusted JSON file in UTF-8.

    OSError if it is missing or no regular file (a pipe would never end), ValueError if it is no JSON.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return parse_json(path.read_text(encoding="utf-8"))


def parse_json(text: str) -> Any:
    """Return the value of an untrusted JSON text, which may begin with a byte order mark.

    Raises ValueError if it is invalid or nested too deeply.
    """
    try:
        value = json.loads(text.removeprefix("\ufeff"))  # Notepad writes the mark
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return value
    raise ValueError("it is nested too deeply")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def portable_name(name: str) -> str:
    """Return `name` with hyphens in place of all characters but letters, digits, dots and underscores.

    A folder's name may hold line breaks, control characters and bytes that are not UTF-8.
    """
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "run"


def unused_name(name: str, taken: Container[str]) -> str:
    """Return `name`, or if that is `taken` the first unused one of `name-2`, `name-3`, …"""
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    return next(choice for choice in itertools.chain([name], numbered) if choice not in taken)


def is_temporary(path: Path) -> bool:
    """Return whether `path` is named like a temporary file or folder of this module."""
    return path.name.startswith(TEMP_PREFIX)


def remove_temporary_files(folder: Path) -> None:
    """Delete the temporary files and folders that killed processes left in `folder`."""
    for path in folder.glob(f"{TEMP_PREFIX}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def remove_stale_files(folder: Path, pattern: str) -> None:
    """Delete the matches of `pattern` in `folder` that have not changed for a day.

    They were left by killed processes; another process may still be writing newer ones.
    """
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _replace_folder(folder: Path, path: Path) -> None:
    """Rename `folder` to `path`. An existing `path` is moved away first and restored on failure."""
    backup = folder.with_name(f"{folder.name}-old")
    if path.exists():
        os.replace(path, backup)
    try:
        os.replace(folder, path)
    except OSError:
        if backup.exists():
            os.replace(backup, path)
        raise
    shutil.rmtree(backup, ignore_errors=True)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    with contextlib.suppress(OSError, PermissionError):  # Windows cannot open a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
