"""Finding and reading hand-ins: zips, unpacked folders and the zip of a class, never beyond them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from ddpm.commands.bundle import HandInError
from ddpm.commands.grade.submissions import (
    Submission,
    content_key,
    find_submissions,
    read_files,
    zip_name_of,
)
from ddpm.errors import RequestError


def write_zip(path: Path, **files: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


def test_zips_folders_and_other_archives_are_found_at_any_depth(tmp_path: Path) -> None:
    write_zip(tmp_path / "Ada_1" / "ada_hw2_2.zip", a="1")
    write_zip(tmp_path / "b_hw2_2.zip", a="1")
    (tmp_path / "Cy").mkdir()
    (tmp_path / "Cy" / "readme.txt").write_text("here")
    (tmp_path / "d.rar").write_bytes(b"Rar!")
    (tmp_path / "notes.txt").write_text("of the teacher")
    names = [each.name for each in find_submissions([str(tmp_path)])]
    assert names == ["Ada_1/ada_hw2_2.zip", "b_hw2_2.zip", "Cy", "d.rar"]


def test_the_zip_of_a_class_gives_its_zips_and_a_hand_in_with_a_zip_stays_one(
    tmp_path: Path,
) -> None:
    inner = write_zip(tmp_path / "ada.zip", a="1").read_bytes().decode("latin-1")
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr("Ada/ada.zip", inner.encode("latin-1"))
    assert [each.member for each in find_submissions([str(tmp_path / "class.zip")])] == [
        "Ada/ada.zip"
    ]
    own = write_zip(tmp_path / "own.zip", **{"readme.txt": "mine", "source__extra.zip": "x"})
    assert [each.member for each in find_submissions([str(own)])] == [""]


def test_equal_names_of_two_folders_are_numbered(tmp_path: Path) -> None:
    one, two = (write_zip(tmp_path / part / "x.zip", a=part).parent for part in ("1", "2"))
    names = [each.name for each in find_submissions([str(one), str(two)])]
    assert names == ["x.zip", "x.zip (2)"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    hand_in = tmp_path / "class" / "ada"
    hand_in.mkdir(parents=True)
    (hand_in / "readme.txt").write_text("mine")
    os.symlink(tmp_path / "secret", hand_in / "linked.txt")
    os.symlink(tmp_path, tmp_path / "class" / "loop")
    (found,) = find_submissions([str(tmp_path / "class")])
    assert read_files(found) == [("readme.txt", b"mine")]


def test_equal_content_has_equal_keys_whatever_its_name(tmp_path: Path) -> None:
    one, two = write_zip(tmp_path / "a.zip", x="1"), write_zip(tmp_path / "b.zip", x="1")
    other = write_zip(tmp_path / "c.zip", x="2")
    keys = [content_key(Submission(path.name, path)) for path in (one, two, other)]
    assert keys[0] == keys[1] != keys[2]


def test_the_zip_of_an_unpacked_folder_is_named_by_its_report(tmp_path: Path) -> None:
    (tmp_path / "Ada Lovelace_4711").mkdir()
    folder = Submission("x", tmp_path / "Ada Lovelace_4711")
    assert folder.archive_name([("report_0712345.pdf", b"")]) == "0712345_hw2_2.zip"
    assert zip_name_of("0712345_hw2_2") == zip_name_of("0712345") == "0712345_hw2_2.zip"


def test_a_bomb_inside_the_zip_of_a_class_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "class.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ada/ada.zip", bytes(60 << 20))
    (found,) = find_submissions([str(tmp_path / "class.zip")])
    with pytest.raises(HandInError, match="unpacks to 62,914,560 bytes"):
        read_files(found)
    assert len(content_key(found)) == 16


def test_a_place_without_hand_ins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no hand-in"):
        find_submissions([str(tmp_path)])
