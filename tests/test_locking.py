"""A lock that one living process holds and no dead one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ddpm import locking
from ddpm.errors import RequestError
from ddpm.locking import exclusive_lock, is_abandoned

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
        assert lock.read_text(encoding="ascii") == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_in_use_stays(lock: Path) -> None:
    with exclusive_lock(lock, "it"):
        (lock.parent / "file").touch()
    assert [path.name for path in lock.parent.iterdir()] == ["file"]


def test_a_second_process_is_refused_in_a_sentence(
    lock: Path, holder: subprocess.Popen[str]
) -> None:
    sentence = (
        rf"^The run x is in use by another process \(number {holder.pid}\); wait until .* --out\.$"
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
        assert lock.read_text(encoding="ascii") == f"{os.getpid()}\n" and not is_abandoned(lock)
    assert not lock.exists() and not is_abandoned(lock)


def test_a_lock_that_is_removed_meanwhile_is_made_anew(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder ends between the opening of the file and the lock on it: that file is nobody's."""
    real, calls = locking._lock, []

    def late(handle: int) -> None:
        real(handle)
        if not calls:
            lock.unlink()
        calls.append(handle)

    monkeypatch.setattr(locking, "_lock", late)
    with exclusive_lock(lock, "it"):
        assert len(calls) == 2 and lock.is_file()


def test_a_full_disk_has_room_for_a_lock(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with exclusive_lock(lock, "it"):
            with (
                pytest.raises(RequestError, match="in use by another process; "),
                exclusive_lock(lock, "it"),
            ):
                raise AssertionError("two hold one lock")
            assert lock.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_locks_holds_nobody_up(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(handle: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(locking, "_lock", without)
    with exclusive_lock(lock, "it"):
        assert not is_abandoned(lock)  # nothing is known of its holder
