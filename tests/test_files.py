"""Writes that are whole or absent, whatever fails in the middle."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm import files
from ddpm.errors import RequestError
from ddpm.files import (
    atomic_file,
    atomic_folder,
    check_writable,
    is_temporary,
    parse_json,
    portable_name,
    read_json,
    real_path,
    remove_stale_files,
    remove_temporary_files,
    unused_name,
    write_json,
    write_text,
)
from tests.examples import examples


class TroubleError(Exception):
    """What a test throws in the middle of a write."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refuse(*arguments: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_file_appears_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_text(path, "größe\n")
    assert path.read_bytes() == "größe\n".encode()  # UTF-8, and the line end as given
    assert names(path.parent) == ["file.txt"]


@settings(max_examples=examples(25), deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_json_survives(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value


def test_a_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(TroubleError), atomic_file(path) as temporary:
        temporary.write_text("half of the new", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        raise TroubleError
    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("operation", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    monkeypatch.setattr(files.os, operation, refuse)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["file.txt"]


def test_the_content_is_on_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            files.os, name, lambda *a, _real=real, _name=name: (calls.append(_name), _real(*a))[1]
        )
    with atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "a").write_bytes(b"a")
        (temporary / "b").write_bytes(b"b")
    assert calls.index("replace") >= 2  # both files first
    assert names(tmp_path / "folder") == ["a", "b"]


def test_a_folder_replaces_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for text in ("old", "new"):
        with atomic_folder(folder) as temporary:
            (temporary / text).write_text(text, encoding="utf-8")
    assert names(folder) == ["new"]
    assert names(tmp_path) == ["folder"]


def test_a_failing_folder_leaves_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with atomic_folder(folder) as temporary:
        (temporary / "old").touch()
    with pytest.raises(TroubleError), atomic_folder(folder) as temporary:
        (temporary / "new").touch()
        raise TroubleError
    assert names(folder) == ["old"]
    assert names(tmp_path) == ["folder"]


def test_a_folder_that_cannot_take_its_place_gives_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    with atomic_folder(folder) as temporary:
        (temporary / "old").touch()
    real, calls = os.replace, []

    def second_fails(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            refuse()
        real(source, target)

    monkeypatch.setattr(files.os, "replace", second_fails)
    with pytest.raises(OSError, match="No space"), atomic_folder(folder) as temporary:
        (temporary / "new").touch()
    assert names(folder) == ["old"]
    assert names(tmp_path) == ["folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_permissions_are_those_of_a_plain_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    write_text(tmp_path / "file", "")
    (tmp_path / "plain-folder").mkdir()
    with atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "private").touch(mode=0o600)  # as safetensors makes its files
    assert (tmp_path / "file").stat().st_mode == plain.stat().st_mode
    assert (tmp_path / "folder" / "private").stat().st_mode == plain.stat().st_mode
    assert (tmp_path / "folder").stat().st_mode == (tmp_path / "plain-folder").stat().st_mode


def test_a_place_is_checked_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_writable(tmp_path / "file")  # to be replaced
    check_writable(tmp_path / "new" / "folder" / "file")
    check_writable(Path("file-in-the-current-folder"))
    with pytest.raises(RequestError, match=r"is a folder\. Pass the name of a file"):
        check_writable(tmp_path)
    with pytest.raises(RequestError, match=r"because .*file is a file\. Pass another path"):
        check_writable(tmp_path / "file" / "in" / "it")
    assert names(tmp_path) == ["file"]


def test_a_read_only_place_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(RequestError, match=r"is read-only\. Pass another path"):
        check_writable(tmp_path / "new" / "file")


def test_what_is_older_than_a_day_goes_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a1.tmp", "a2.tmp", "b.tmp", "a"):
        (tmp_path / name).touch()
    for name in ("a3.tmp", "a4.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    for name in ("a1.tmp", "a3.tmp", "b.tmp", "a"):
        os.utime(tmp_path / name, (0, 0))
    remove_stale_files(tmp_path, "a*.tmp")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a2.tmp", "a4.tmp", "b.tmp"]


def test_leftovers_go_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(TroubleError), atomic_file(tmp_path / "kept.txt") as temporary:
        left = temporary.name
        raise TroubleError
    (tmp_path / left).touch()  # as if the process had been killed there
    (tmp_path / f"{left}-folder").mkdir()
    (tmp_path / f"{left}-folder" / "inner").touch()
    write_text(tmp_path / "kept.txt", "")
    (tmp_path / ".hidden").touch()
    assert is_temporary(tmp_path / left) and not is_temporary(tmp_path / "kept.txt")
    remove_temporary_files(tmp_path)
    assert names(tmp_path) == [".hidden", "kept.txt"]
    remove_temporary_files(tmp_path / "absent")


def test_json_may_begin_with_a_byte_order_mark() -> None:
    assert parse_json('\ufeff{"é": 1}') == {"é": 1}
    with pytest.raises(ValueError):
        parse_json("\ufeff\ufeff{}")


def test_a_name_that_is_not_utf8_is_written_as_an_escape(tmp_path: Path) -> None:
    write_text(tmp_path / "a.md", "r\udcfcn caf\u00e9\n")
    assert (tmp_path / "a.md").read_bytes() == b"r\\udcfcn caf\xc3\xa9\n"


def test_a_name_becomes_one_that_zips_and_links_take() -> None:
    names = {
        "mnist-28_a.b": "mnist-28_a.b",
        "caf\udce9\n\x1b[31m": "caf-31m",
        "圖 1": "圖-1",
        "..": "run",
    }
    assert {name: portable_name(name) for name in names} == names


def test_a_taken_name_gets_the_next_number() -> None:
    assert unused_name("a", ["b"]) == "a"
    assert unused_name("a", ["a", "a-2", "a-4"]) == "a-3"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_in_the_place_of_a_json_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(OSError, match="not a regular file"):
        read_json(tmp_path / "pipe.json")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "missing.json")
    (tmp_path / "marked.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / "marked.json") == {"a": 1}


def test_a_link_to_itself_has_a_path(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert real_path(loop) == real_path(tmp_path) / "loop"
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    assert real_path(tmp_path / "link" / "..") == real_path(tmp_path)
