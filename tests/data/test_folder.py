"""Folders of images: which files are found, in which order, and when they count as changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ddpm.data.folder import files_below, fingerprint, folder_source, is_image_file, read_file
from ddpm.data.image_source import BrokenImageError
from ddpm.errors import RequestError

WriteFolder = Callable[[Path, dict[str, bytes]], Path]


def test_files_are_in_natural_order_and_hidden_ones_are_left_out(write_folder: WriteFolder) -> None:
    names = ["b/10.png", "b/9.png", "a.png", ".hidden.png", "__MACOSX/x.png", ".git/x.png"]
    root = write_folder(Path("root"), dict.fromkeys(names, b""))
    assert list(files_below(root)) == ["a.png", "b/9.png", "b/10.png"]


def test_a_link_back_is_not_followed_twice(write_folder: WriteFolder) -> None:
    root = write_folder(Path("root"), {"inner/a.png": b""})
    (root / "inner/again").symlink_to(root.resolve())
    assert list(files_below(root)) == ["inner/a.png"]


def test_runs_are_no_images(write_folder: WriteFolder) -> None:
    root = write_folder(
        Path("root"),
        {
            "a.png": b"",
            "run/config.json": b"{}",
            "run/environment.json": b"{}",
            "run/samples.png": b"",
        },
    )
    assert list(files_below(root)) == ["a.png"]
    with pytest.raises(RequestError, match="root/run is a run folder, not a data set"):
        files_below(root / "run")


def test_a_file_is_an_image_by_its_ending_or_its_first_bytes(write_folder: WriteFolder) -> None:
    files = {"a.png": b"", "b": b"\x89PNG\r\n\x1a\n", "c.txt": b"words", "d": b"words"}
    root = write_folder(Path("root"), files)
    assert [n for n, path in files_below(root).items() if is_image_file(n, path)] == ["a.png", "b"]


def test_a_source_names_its_files_and_what_it_did_not_open(write_folder: WriteFolder) -> None:
    files = {"x/1.png": b"one", "y/2.png": b"two", "more.zip": b"", "notes.txt": b""}
    root = write_folder(Path("root"), files)
    source = folder_source(root, files_below(root))
    assert list(source.names) == ["x/1.png", "y/2.png"]
    assert [source.load(0), source.load(1)] == [b"one", b"two"]
    assert source.unopened_archives == ("more.zip",)


def test_the_fingerprint_changes_with_a_file(write_folder: WriteFolder) -> None:
    root = write_folder(Path("root"), {"a.png": b"1", "b.png": b"2"})
    paths = list(files_below(root).values())
    before = fingerprint(root, paths)
    assert fingerprint(root, paths) == before
    os.utime(paths[0], ns=(0, 0))
    touched = fingerprint(root, paths)
    paths[1].unlink()
    assert len({before, touched, fingerprint(root, paths), fingerprint(root, paths[:1])}) == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("pipe.png")
    with pytest.raises(BrokenImageError, match="is a pipe or a device"):
        read_file(Path("pipe.png"))
    assert not is_image_file("pipe", Path("pipe.png"))
