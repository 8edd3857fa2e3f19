"""A lock that one living process holds and no dead one."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ddpm.errors import RequestError
from ddpm.locking import exclusive_lock, is_abandoned

if sys.platform != "win32":
    import fcntl

posix = pytest.mark.skipif(sys.platform == "win32", reason="replaces flock, which Windows lacks")

HOLDER = """
import sys
from pathlib import Path
from ddpm.locking import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), "it"):
    print("holding", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "run" / ".lock"


def pid_in(lock: Path) -> int:
    with lock.open("rb", buffering=0) as file:
        file.seek(1)
        return int(file.read())


@pytest.fixture
def holder(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(lock)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None and process.stdout.readline() == "holding\n"
        yield process
        process.kill()


def test_it_leaves_nothing_where_there_was_nothing(lock: Path, tmp_path: Path) -> None:
    with exclusive_lock(lock, "it"):
        assert pid_in(lock) == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_in_use_stays(lock: Path) -> None:
    with exclusive_lock(lock, "it"):
        (lock.parent / "file").touch()
    assert [path.name for path in lock.parent.iterdir()] == ["file"]


def test_a_second_process_is_refused_in_a_sentence(
    lock: Path, holder: subprocess.Popen[str]
) -> None:
    sentence = (
        rf"^The run x is in use by another process \(PID {holder.pid}\)\. Wait until .* --out\.$"
    )
    with pytest.raises(RequestError, match=sentence), exclusive_lock(lock, "The run x"):
        raise AssertionError("two hold one lock")
    assert lock.is_file() and not is_abandoned(lock)
    holder.communicate("")  # ends, and lets go
    with exclusive_lock(lock, "it"):
        pass


def test_the_lock_of_a_killed_process_is_no_obstacle(
    lock: Path, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    assert lock.is_file() and is_abandoned(lock)
    with exclusive_lock(lock, "it"):
        assert pid_in(lock) == os.getpid() and not is_abandoned(lock)
    assert not lock.exists() and not is_abandoned(lock)


@posix
def test_a_lock_file_removed_by_its_last_holder_is_created_anew(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder ends after this process opened the file and before it locked it."""
    flock, calls = fcntl.flock, []

    def late(handle: int, operation: int) -> None:
        flock(handle, operation)
        if not calls:
            lock.unlink()
        calls.append(handle)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", late)
        with exclusive_lock(lock, "it"):
            assert len(calls) == 2 and lock.is_file()


def test_a_full_disk_has_room_for_a_lock(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.FileIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    def open_full(path: Path, *_: object, **__: object) -> Full:
        return Full(path, "r+b")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_full)
        with exclusive_lock(lock, "it"):
            with (
                pytest.raises(RequestError, match=r"in use by another process\. "),
                exclusive_lock(lock, "it"),
            ):
                raise AssertionError("two hold one lock")
            assert lock.exists()
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_drive_without_lock_support_blocks_nobody(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(handle: int, operation: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", unsupported)
        with exclusive_lock(lock, "it"):
            assert lock.is_file() and not is_abandoned(lock)  # its holder is unknown
    assert not lock.exists()


@posix
def test_other_errors_of_the_disk_are_not_hidden(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(handle: int, operation: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(OSError, match="Input/output"), exclusive_lock(lock, "it"):
        raise AssertionError("nothing was locked")
