"""File locks that let one process at a time use a run or a cache folder.

The operating system releases a lock when its process ends, even by SIGKILL, so a leftover lock file
blocks nobody.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from ddpm.errors import RequestError

_UNSUPPORTED = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)  # raised by some network drives
_WAIT = 0.2  # seconds: long enough for a holder that is just removing its lock file
_PID_OFFSET = 1  # bytes; Windows does not let other processes read byte 0, which is the locked one


@contextlib.contextmanager
def exclusive_lock(path: Path, name: str) -> Iterator[None]:
    """Hold the lock file `path` inside the block.

    The file and its missing parent folders are created, and removed at the end. On a drive without lock
    support the block runs unlocked. Raises RequestError if another process holds the lock; `name` is the
    subject of the message.
    """
    new_folders = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, fallback_to_soft=False)
    if not _acquire(lock, _WAIT):
        raise RequestError(
            f"{name} is in use by another process{_holder(path)}. Wait until it ends, or choose "
            "another --out."
        )
    try:
        _write_pid(path)
        yield
    finally:
        if sys.platform != "win32":  # on Windows filelock removes the file after the release
            # Before the release, so that no other process can hold this file
            path.unlink(missing_ok=True)
        lock.release()
        with contextlib.suppress(OSError):  # not empty
            for folder in new_folders:
                folder.rmdir()


def is_abandoned(path: Path) -> bool:
    """Return whether the lock file `path` exists but no process holds it."""
    if not path.is_file():
        return False
    lock = FileLock(path, fallback_to_soft=False)
    try:
        return _acquire(lock, 0) and lock.is_locked
    except OSError:
        return False
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock file `path`. A process that wants it now waits a moment."""
    if not path.is_file():
        return False
    lock = FileLock(path, fallback_to_soft=False)
    try:
        return not _acquire(lock, 0)
    except OSError:
        return False
    finally:
        lock.release()


def holder_of(path: Path) -> int | None:
    """Return the process id of the holder of the lock file `path`, 0 if unknown; None if nobody holds it."""
    return (_holder_pid(path) or 0) if is_held(path) else None


def lock_while_open(file: IO[bytes]) -> None:
    """Hold the lock of an open file until this process and the children that inherit it have closed it.

    Where the system has no flock (Windows), nothing is locked.
    """
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _acquire(lock: FileLock, timeout: float) -> bool:
    """Return whether the lock is held now, or the drive supports no locks."""
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    return True


def _write_pid(path: Path) -> None:
    with (
        contextlib.suppress(OSError),  # on a full disk only the PID is missing
        path.open("r+b") as file,
    ):
        file.seek(_PID_OFFSET)
        file.write(f"{os.getpid()}\n".encode())
        file.truncate()


def _holder(path: Path) -> str:
    """Return ` (PID 1234)`, or an empty string if the lock file does not name its holder."""
    pid = _holder_pid(path)
    return "" if pid is None else f" (PID {pid})"


def _holder_pid(path: Path) -> int | None:
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(_PID_OFFSET)
            pid = file.read().strip()
    except OSError:
        return None
    return int(pid) if pid.isdigit() else None
