"""Zips of images: members by name, and what is refused before it is unpacked."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ddpm.data.image_source import BrokenImageError
from ddpm.data.zips import escapes_archive, members_overlap, read_member, zip_source
from ddpm.errors import RequestError


def write_zip(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    path = Path("set.zip")
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_members_are_read_in_natural_order(pictures: Callable[..., list[bytes]]) -> None:
    nine, ten = pictures(2)
    source = zip_source("set", write_zip({"b/10.png": ten, "b/9.png": nine, "c/notes.txt": b""}))
    assert list(source.names) == ["b/9.png", "b/10.png"]
    assert [source.load(0), source.load(1)] == [nine, ten]


@pytest.mark.parametrize(
    ("name", "escapes"),
    [("/a.png", True), ("C:a.png", True), ("a/../../b.png", True), ("..", True),
     ("a/b.png", False), ("a..b.png", False), ("...png", False)],
)  # fmt: skip
def test_a_path_out_of_the_archive_is_seen(name: str, escapes: bool) -> None:
    assert escapes_archive(name) is escapes
    if escapes:
        with pytest.raises(RequestError, match="contains an unsafe path"):
            zip_source("set", write_zip({name: b""}))


def test_a_damaged_zip_is_one_sentence() -> None:
    Path("set.zip").write_bytes(b"PK no zip")
    with pytest.raises(RequestError, match=r"set\.zip is damaged or truncated"):
        zip_source("set", Path("set.zip"))


def test_members_in_the_same_bytes_are_refused() -> None:
    with zipfile.ZipFile(write_zip({"a.png": b"x" * 1000}, zipfile.ZIP_STORED)) as archive:
        members = archive.infolist()
    assert not members_overlap(members, 1200)
    assert members_overlap(members * 3, 1200)


def test_a_member_longer_than_it_says_is_damaged() -> None:
    path = write_zip({"a.png": b"x" * 1000})
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02") + 24  # the declared length in the central directory
    struct.pack_into("<I", data, place, 999)
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive, pytest.raises(BrokenImageError, match="damaged"):
        read_member(archive, archive.infolist()[0])


def test_compressions_without_a_bound_are_not_unpacked() -> None:
    archive = zipfile.ZipFile(write_zip({"a.png": b"x"}, zipfile.ZIP_BZIP2))
    with archive, pytest.raises(BrokenImageError, match="unsupported compression"):
        read_member(archive, archive.infolist()[0])
