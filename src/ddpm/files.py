"""Files that are whole or absent: every write goes to a temporary file, is flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ddpm.errors import RequestError

TEMP_PREFIX = ".tmp-"
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EROFS)
_DAY = 24 * 3600  # seconds
_MOST_NESTED = 64  # objects in objects; what this package writes is nested five times at most


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes `path`'s place, on failure it is gone."""
    with name_in_errors(path):
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
def replacing_folder(path: Path) -> Iterator[Path]:
    """The same for a whole folder: it appears under its name only once every file in it is on disk."""
    with name_in_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=path.parent))
        try:
            yield temporary
            for file in temporary.iterdir():
                _flush(file)
                file.chmod(0o666 & ~_umask())  # writers such as safetensors make private files
            _flush_folder(temporary)
            temporary.chmod(0o777 & ~_umask())
            _take_place(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _flush_folder(path.parent)


@contextlib.contextmanager
def name_in_errors(path: Path) -> Iterator[None]:
    """What the disk refuses inside the block names `path`, where it names no file or a temporary one."""
    try:
        yield
    except OSError as error:
        named = str(error.filename or "")
        if TEMP_PREFIX in named or (not named and error.errno in _DISK_ERRORS):
            error.filename = str(path)
        raise


def check_writable(path: Path) -> None:
    """RequestError where a file called `path` cannot be written: better said before the work than after."""
    if path.is_dir():
        raise RequestError(f"{path} is a folder; give the name of a file.")
    folder = next((parent for parent in path.parents if parent.exists()), path.parent)
    if not folder.is_dir():
        raise RequestError(
            f"{path} cannot be written, because {folder} is a file; give another place."
        )
    if not os.access(folder, os.W_OK):
        raise RequestError(
            f"{path} cannot be written, because {folder} is read-only; give another place."
        )


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except (
        UnicodeEncodeError
    ):  # the name of a file that is no UTF-8: escaped, it comes back as it was
        text = json.dumps(value, indent=2)
    write_text(path, text + "\n")


def parse_json(text: str) -> Any:
    """The value of a JSON text from anywhere; ValueError where it is none, or nested too deep to be used."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [value]
    for _ in range(_MOST_NESTED):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise ValueError("it is nested too deeply")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def is_temporary(path: Path) -> bool:
    """Whether a path bears the name of a temporary file or folder of this module."""
    return path.name.startswith(TEMP_PREFIX)


def remove_temporary(folder: Path) -> None:
    """Delete temporary files and folders that a killed process left in `folder`."""
    for leftover in folder.glob(f"{TEMP_PREFIX}*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)


def remove_stale(folder: Path, pattern: str) -> None:
    """Delete what matches `pattern` in `folder` and has not changed for a day.

    That is what a killed process left; something younger another process may be writing.
    """
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _take_place(folder: Path, path: Path) -> None:
    """Rename `folder` to `path`; what was there is put aside first, and comes back where that fails."""
    aside = folder.with_name(f"{folder.name}-old")
    if path.exists():
        os.replace(path, aside)
    try:
        os.replace(folder, path)
    except OSError:
        if aside.exists():
            os.replace(aside, path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


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
