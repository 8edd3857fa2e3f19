"""One process at a time: a lock that the system lets go of when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ddpm.errors import RequestError

_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # another process holds it
_PLACE = 1 << 30  # Windows locks this byte, beyond the file's end, so that the file can be read

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, _PLACE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def exclusive_lock(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path` inside the block; RequestError where another process holds it.

    The file is made, with its folders, and removed again; one that a killed process left is no obstacle.
    `what` the lock stands for opens the sentence. Where the disk knows no locks, none is held.
    """
    new_folders = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _hold(path)
    if handle is None:
        raise RequestError(
            f"{what} is in use by another process{_holder(path)}; wait until that one has ended, or "
            "choose another --out."
        )
    try:
        yield
    finally:
        _let_go(handle, path)
        with contextlib.suppress(OSError):  # one that is in use now stays, and those above it
            for folder in new_folders:
                folder.rmdir()


def is_abandoned(path: Path) -> bool:
    """Whether the lock file `path` is there, but the process that made it is not."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        _lock(handle)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _hold(path: Path) -> int | None:
    """The open, locked file; None where another process holds it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _try(handle):
            os.close(handle)
            return None
        if _is_still(handle, path):
            break
        os.close(handle)  # its holder removed it between the two lines above
    with contextlib.suppress(
        OSError
    ):  # a courtesy: the first file that matters tells of a full disk
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, f"{os.getpid()}\n".encode())
    return handle


def _try(handle: int) -> bool:
    try:
        _lock(handle)
    except OSError as error:
        return error.errno not in _BUSY  # some network disks know no locks
    return True


def _is_still(handle: int, path: Path) -> bool:
    """Whether the open file is the one that has the name now."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _let_go(handle: int, path: Path) -> None:
    if sys.platform == "win32":  # which removes no open file
        os.close(handle)
        with contextlib.suppress(OSError):
            path.unlink()
    else:
        path.unlink(missing_ok=True)
        os.close(handle)


def _holder(path: Path) -> str:
    """` (number 1234)`, where the file says so."""
    try:
        number = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return f" (number {number})" if number.isdecimal() else ""
