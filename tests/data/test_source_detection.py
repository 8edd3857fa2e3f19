"""What lies at a path: folders, zips, IDX files, arrays, and everything that is none of these."""

from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data import folder as folder_module
from ddpm.data import image_source as source_module
from ddpm.data import zips as archive_module
from ddpm.data.catalogue import embedded_digits
from ddpm.data.image_source import BrokenImageError
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError


def make_zip(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


# ---- folders


def test_a_folder_is_read_recursively_in_natural_order(tmp_path: Path, write_folder: Any) -> None:
    files = {
        "data/10.jpg": b"ten",
        "data/2.JPG": b"two",
        "data/été à paris.png": b"accents",
        "data/notes.txt": b"",
        "data/.hidden.png": b"",
        ".cache/1.png": b"",
        "__MACOSX/data/1.png": b"",
        "data/more.zip": b"",
    }
    source = open_source(write_folder(tmp_path / "my set", files))
    assert source.name == "my set" and source.kind == "folder"
    assert source.names == ("data/2.JPG", "data/10.jpg", "data/été à paris.png")
    assert [source.load(i) for i in range(3)] == [b"two", b"ten", b"accents"]
    assert source.unopened_archives == ("data/more.zip",) and source.test == ()
    assert source.labels is None


def test_the_course_tree_of_digits_gives_labels(tmp_path: Path, write_folder: Any) -> None:
    files = {f"mnist_dataset/data/{d}/{i}.jpg": b"x" for d in range(10) for i in (1, 2)}
    source = open_source(write_folder(tmp_path, files))
    assert source.class_names == tuple("0123456789")
    assert source.labels is not None and source.labels.tolist() == [
        d for d in range(10) for _ in "ab"
    ]


def test_a_loop_of_links_ends_and_a_linked_folder_is_read(
    tmp_path: Path, write_folder: Any
) -> None:
    elsewhere = write_folder(tmp_path / "elsewhere", {"1.png": b"1"})
    root = write_folder(tmp_path / "set", {"a/2.png": b"2"})
    try:
        (root / "a" / "loop").symlink_to(root, target_is_directory=True)
        (root / "b").symlink_to(elsewhere, target_is_directory=True)
        (root / "c").symlink_to(elsewhere, target_is_directory=True)
        (root / "gone.png").symlink_to(tmp_path / "nowhere.png")
    except OSError:
        pytest.skip("this system does not let us make links")
    source = open_source(root)
    assert source.names == ("a/2.png", "b/1.png", "gone.png")
    with pytest.raises(BrokenImageError, match="cannot be read"):
        source.load(2)


def test_runs_among_the_images_are_passed_over_and_none_is_a_set(
    tmp_path: Path, write_folder: Any
) -> None:
    run = {"config.json": b"{}", "environment.json": b"{}", "samples.png": b"drawn"}
    files = {"1.png": b"1", "faces/config.json": b"{}", "faces/2.png": b"2"}
    files |= {f"runs/{name}/{path}": data for name in "ab" for path, data in run.items()}
    root = write_folder(tmp_path / "set", {**files, "runs/a/previews/step-1.png": b"drawn"})
    assert open_source(root).names == ("1.png", "faces/2.png")
    with pytest.raises(RequestError, match=r"a is a run folder, not a data set\. Pass a folder"):
        open_source(root / "runs" / "a")
    assert open_source(root / "runs" / "a" / "previews").names == ("step-1.png",)


def test_names_that_differ_only_in_how_accents_are_written_are_two_images(tmp_path: Path) -> None:
    (tmp_path / "\u00e9.png").write_bytes(b"composed")
    (tmp_path / "e\u0301.png").write_bytes(b"decomposed")
    if len(os.listdir(tmp_path)) < 2:
        pytest.skip("this file system takes both names for one")
    source = open_source(tmp_path)
    assert {source.load(0), source.load(1)} == {b"composed", b"decomposed"}


def test_an_absurdly_long_file_is_not_read(
    tmp_path: Path, write_folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "MAX_IMAGE_BYTES", 10)
    source = open_source(write_folder(tmp_path, {"a.png": b"x" * 10, "b.png": b"x" * 11}))
    assert source.load(0) == b"x" * 10
    with pytest.raises(BrokenImageError, match="longer than"):
        source.load(1)


def test_the_fingerprint_changes_with_names_lengths_dates_and_places(
    tmp_path: Path, write_folder: Any
) -> None:
    root = write_folder(tmp_path / "a", {"1.png": b"one", "2.png": b"two"})
    seen = [open_source(root).fingerprint]
    assert open_source(root).fingerprint == seen[0]
    (root / "readme.txt").write_text("no image", encoding="utf-8")
    assert open_source(root).fingerprint == seen[0]
    os.utime(root / "1.png", ns=(1, 1))
    seen.append(open_source(root).fingerprint)
    (root / "1.png").write_bytes(b"other")
    seen.append(open_source(root).fingerprint)
    (root / "2.png").rename(root / "3.png")
    seen.append(open_source(root).fingerprint)
    (tmp_path / "b").mkdir()
    root.rename(tmp_path / "b" / "a")
    seen.append(open_source(tmp_path / "b" / "a").fingerprint)
    seen.append(open_source(tmp_path / "b").fingerprint)  # the same files under other names
    assert len(set(seen)) == len(seen)


# ---- zips


def test_a_zip_is_read_like_the_folder_it_came_from(tmp_path: Path) -> None:
    files = {
        "set/10/é 1.png": b"a",
        "set/2/1.png": b"b",
        "set/2/.x.png": b"",
        "__MACOSX/set/2/._1.png": b"",
        "set/inner.zip": b"",
        "set/readme.txt": b"",
    }
    source = open_source(make_zip(tmp_path / "Faces.zip", files))
    assert source.name == "Faces" and source.kind == "zip"
    assert source.names == ("set/2/1.png", "set/10/é 1.png")
    assert [source.load(i) for i in range(2)] == [b"b", b"a"]
    assert source.class_names == ("2", "10") and source.unopened_archives == ("set/inner.zip",)


def test_folders_in_zips_made_on_windows_are_folders(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"A-1.png": b"x", "B-1.png": b"y"})
    path.write_bytes(path.read_bytes().replace(b"A-1", b"A\\1").replace(b"B-1", b"B\\1"))
    assert open_source(path).names == ("A/1.png", "B/1.png")


@pytest.mark.parametrize(
    "name", ["../1.png", "a/../../1.png", "/etc/1.png", "C:/1.png", "..\\1.png"]
)
def test_a_zip_that_points_outside_itself_is_refused(tmp_path: Path, name: str) -> None:
    path = make_zip(tmp_path / "evil.zip", {"fine.png": b"x", name: b"x"})
    with pytest.raises(RequestError, match="unsafe path"):
        open_source(path)


def test_dots_in_names_are_no_danger(tmp_path: Path) -> None:
    assert open_source(make_zip(tmp_path / "a.zip", {"a..b/c.../1...png": b"x"})).names == (
        "a..b/c.../1...png",
    )


def test_a_truncated_or_empty_zip_is_refused(tmp_path: Path, pictures: Any) -> None:
    path = make_zip(tmp_path / "a.zip", {f"{i}.png": data for i, data in enumerate(pictures(20))})
    data = path.read_bytes()
    for keep in (0, 10, len(data) // 2, len(data) - 5):
        path.write_bytes(data[:keep])
        with pytest.raises(RequestError, match=r"damaged or truncated\. Download or copy it again"):
            open_source(path)


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1.png": b"x"})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flags of the local header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and of the directory
    path.write_bytes(data)
    with pytest.raises(RequestError, match="password"):
        open_source(path)


def test_a_damaged_member_is_broken_and_the_others_are_not(tmp_path: Path) -> None:
    files = {"1.png": b"first picture", "2.png": b"second picture"}
    path = make_zip(tmp_path / "a.zip", files, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"first", b"worst"))
    source = open_source(path)
    with pytest.raises(BrokenImageError, match="damaged inside the zip"):
        source.load(0)
    assert source.load(1) == b"second picture"


def test_members_that_unpack_absurdly_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"1.png": bytes(300_000), "2.png": os.urandom(300_000)}
    source = open_source(make_zip(tmp_path / "a.zip", files))
    assert source.load(0) == files["1.png"]  # small, whatever the ratio
    monkeypatch.setattr(source_module, "_MAX_UNCHECKED", 200_000)
    with pytest.raises(BrokenImageError, match="unpacks"):
        source.load(0)
    assert source.load(1) == files["2.png"]
    monkeypatch.setattr(archive_module, "MAX_IMAGE_BYTES", 200_000)
    with pytest.raises(BrokenImageError, match="longer than"):
        source.load(1)


# ---- a folder that holds something else


def test_a_folder_may_hold_one_archive(tmp_path: Path) -> None:
    make_zip(tmp_path / "anime-faces.zip", {"1.png": b"x"})
    source = open_source(tmp_path)
    assert source.kind == "zip" and source.name == tmp_path.name
    make_zip(tmp_path / "second.zip", {"1.png": b"x"})
    with pytest.raises(RequestError, match=r"several archives \(anime-faces.zip, second.zip\)"):
        open_source(tmp_path)
    (tmp_path / "1.png").write_bytes(b"y")
    assert open_source(tmp_path).kind == "folder"


def test_a_zip_is_known_by_its_content_too(tmp_path: Path) -> None:
    assert open_source(make_zip(tmp_path / "archive", {"1.png": b"x"})).kind == "zip"


# ---- nothing


def refusal(path: Path) -> str:
    with pytest.raises(RequestError) as caught:
        open_source(path)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and ". " in message
    return message


def test_what_is_no_image_set_is_refused_with_the_mend(tmp_path: Path, write_folder: Any) -> None:
    assert "does not exist" in refusal(tmp_path / "missing")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "contains no files. Pass a folder with images such as .png" in refusal(empty)
    text = write_folder(tmp_path / "text", {"a.txt": b"1", "b/c.md": b"2"})
    assert "no images among its 2 files" in refusal(text)
    assert "a.txt is not a data set. Pass a folder or zip" in refusal(text / "a.txt")
    assert "contains no images" in refusal(make_zip(tmp_path / "a.zip", {"a.txt": b"1"}))


def test_the_embedded_digits_are_1797_labelled_8x8_images() -> None:
    source = open_source(embedded_digits())
    assert (
        len(source) == 1797
        and source.name == "digits"
        and source.class_names == tuple("0123456789")
    )
    image = source.load(0)
    assert isinstance(image, np.ndarray) and image.shape == (1, 8, 8)
    # the first row of the published file: 0, 0, 5, 13, 9, 1, 0, 0 of 16, a zero
    assert image[0, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]
    assert source.labels is not None and source.labels[:10].tolist() == list(range(10))
    assert np.bincount(source.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_a_folder_that_cannot_be_looked_into_is_said_not_missed(
    tmp_path: Path, write_folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "set", {"a.png": b"1", "closed/b.png": b"2"})
    look = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert "closed cannot be read (Permission denied). Make it readable" in refusal(folder)
