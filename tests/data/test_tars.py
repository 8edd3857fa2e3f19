"""Tar shards: read in place, classes beside the images, nothing believed of a hostile one."""

from __future__ import annotations

import io
import itertools
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data import tars as module
from ddpm.data.dataset import prepare_dataset
from ddpm.data.image_source import BrokenImageError
from ddpm.data.source_detection import open_source
from ddpm.data.tars import PackedNames
from ddpm.errors import RequestError


def info_of(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info


def make_tar(path: Path, files: dict[str, bytes], form: int = tarfile.DEFAULT_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as archive:
        for name, data in files.items():
            archive.addfile(info_of(name, len(data)), io.BytesIO(data))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(RequestError) as caught:
        open_source(path)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


# ---- what is read


FORMS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


@pytest.mark.parametrize("form", FORMS)
def test_a_tar_is_read_in_place_in_its_own_order(tmp_path: Path, form: int) -> None:
    long = "d" * 120 + "/" + "f" * 80 + ".png"
    files = {
        "./b/10.jpg": b"ten",
        "b/2.PNG": b"two",
        long: b"long",
        "notes.txt": b"-",
        "b/.3.png": b"hidden",
    }
    source = open_source(make_tar(tmp_path / "faces.tar", files, form))
    assert source.name == "faces" and source.kind == "tar" and len(source) == 3
    assert source.names[:] == ("b/10.jpg", "b/2.PNG", long)
    assert [source.load(i) for i in (2, 0, 1)] == [b"long", b"ten", b"two"]
    assert sorted(os.listdir(tmp_path)) == ["faces.tar"]


def test_a_folder_of_shards_is_one_set_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        files = {f"{i:03d}.png": f"{number} {i}".encode() for i in range(2)}
        make_tar(tmp_path / "shards" / f"train-{number}.tar", files)
    source = open_source(tmp_path / "shards")
    assert source.name == "shards" and source.labels is None  # a shard is no class
    assert source.names[:3] == ("train-1.tar/000.png", "train-1.tar/001.png", "train-2.tar/000.png")
    assert source.load(5) == b"10 1"


def test_classes_lie_beside_their_images_before_or_after_them(tmp_path: Path) -> None:
    first = {
        "000.cls": b"10",
        "000.jpg": b"a",
        "001.jpg": b"b",
        "001.txt": b"-",
        "001.cls": b" 9\n",
    }
    second = {"000.cls": b"10", "000.png": b"c", "000.json": b"{}"}
    make_tar(tmp_path / "0.tar", first)
    make_tar(tmp_path / "1.tar", second)
    source = open_source(tmp_path)
    assert source.class_names == ("9", "10")
    assert source.labels is not None and source.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize("most", [3, 100])  # stems that are looked at together
@pytest.mark.parametrize(
    ("names", "classes"),
    [
        ("0.image.jpg 0.cls 1.cls 1.image.jpg 1.json 2.jpg 2.cls", [0, 1, 2]),
        (
            "a.1.png a.1.cls a.2.cls a.2.png a.3.png a.3.cls a.4.png a.4.cls",
            [0, 1, 2, 3],
        ),  # each its own
        ("v.1/a.png v.1/a.cls v.1/b.png v.1/b.cls v.2/a.png v.2/a.cls", [0, 1, 2]),
        ("0.left.png 0.right.png 0.cls 1.left.png 1.cls", [0, 0, 1]),
        ("a.1.png a.1.cls a.2.png", None),  # another image's class is none
    ],
)
def test_a_sample_ends_at_the_first_dot(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: str,
    classes: list[int] | None,
    most: int,
) -> None:
    monkeypatch.setattr(module, "_MAX_STEMS", most)
    files, texts = {}, itertools.count()
    for name in names.split():
        files[name] = str(next(texts)).encode() if name.endswith(".cls") else b"x"
    labels = open_source(make_tar(tmp_path / "a.tar", files)).labels
    assert (None if labels is None else labels.tolist()) == classes


@pytest.mark.parametrize("missing", [b"", b"x" * 257])
def test_where_a_class_is_missing_folders_are_the_classes(tmp_path: Path, missing: bytes) -> None:
    files = {
        "cat/0.png": b"a",
        "cat/0.cls": b"1",
        "dog/0.png": b"b",
        "dog/0.cls": missing,
        "cat/1.png": b"c",
    }
    source = open_source(make_tar(tmp_path / "a.tar", files))
    assert source.class_names == ("cat", "dog")
    assert source.labels is not None and source.labels.tolist() == [0, 1, 0]


def test_a_tar_is_known_by_its_content_too_and_holds_one_set_with_its_folder(
    tmp_path: Path, pictures: Any, write_folder: Any
) -> None:
    files = {
        f"{name}/{i}.png": p for name in "ab" for i, p in enumerate(pictures(3, seed=ord(name)))
    }
    tar = make_tar(tmp_path / "here" / "archive", files)
    sets = [tar, write_folder(tmp_path / "archive", files)]
    found = [prepare_dataset(path, cache_dir=tmp_path / "cache") for path in sets]
    assert open_source(tar).kind == "tar"
    assert found[0].report["content_hash"] == found[1].report["content_hash"]
    assert np.array_equal(found[0].images, found[1].images)  # type: ignore[arg-type]


def test_what_is_packed_inside_is_said(tmp_path: Path) -> None:
    source = open_source(
        make_tar(tmp_path / "a.tar", {"1.png": b"x", "b/more.tar.gz": b"", "c.zip": b""})
    )
    assert source.unopened_archives == ("b/more.tar.gz", "c.zip")


def test_names_in_one_piece_are_a_sequence_of_text() -> None:
    names = PackedNames()
    words = ["", "a", "été/日本.png", "a"]
    for word in words:
        names.add(word)
    assert list(names) == words and names[-2] == words[2] and names[1:3] == ("a", "été/日本.png")
    with pytest.raises(IndexError):
        names[4]


# ---- what is not


def test_compressed_shards_and_mixtures_are_refused_with_the_mend(tmp_path: Path) -> None:
    for name in ("a.tar.gz", "b.TGZ", "c.tar.zst"):
        (tmp_path / name).write_bytes(b"\x1f\x8b")
        assert "Decompress it to a plain .tar first" in refusal(tmp_path / name)
    assert "a.tar.gz is a compressed tar" in refusal(tmp_path)
    make_tar(tmp_path / "two" / "a.tar", {"1.png": b"x"})
    (tmp_path / "two" / "b.zip").write_bytes(b"")
    assert "several archives (b.zip, a.tar)" in refusal(tmp_path / "two")
    assert "contains no images" in refusal(make_tar(tmp_path / "d.tar", {"a.txt": b""}))
    assert "contains no images" in refusal(make_tar(tmp_path / "e.tar", {}))


@pytest.mark.parametrize(
    "name", ["../1.png", "a/../../1.png", "/etc/1.png", "C:/1.png", "..\\1.txt"]
)
def test_a_tar_that_points_outside_itself_is_refused(tmp_path: Path, name: str) -> None:
    assert "unsafe path" in refusal(make_tar(tmp_path / "evil.tar", {"fine.png": b"x", name: b"x"}))


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_links_devices_and_holes_are_no_images(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(info_of("1.png", 1), io.BytesIO(b"x"))
        link = info_of("2.png", kind=kind)
        link.linkname = "1.png"
        archive.addfile(link)
    assert "link or device in place of an image (2.png)" in refusal(tmp_path / "a.tar")
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        archive.addfile(info_of("1.png", 1), io.BytesIO(b"x"))
        archive.addfile(info_of("beside", kind=tarfile.SYMTYPE))
    assert len(open_source(tmp_path / "b.tar")) == 1


def test_a_tar_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", {f"{i}.png": bytes([i]) * 700 for i in range(3)})
    whole = path.read_bytes()
    for keep in (0, 1, 300, 512, 900, 1024, 1536, 2000, 3 * 1536 - 100, 3 * 1536, 3 * 1536 + 100):
        path.write_bytes(whole[:keep])
        assert "damaged or truncated. Download or copy it again" in refusal(path)
    path.write_bytes(whole[: 3 * 1536 + 512])
    assert len(open_source(path)) == 3


@pytest.mark.parametrize("place", [0, 1536])
def test_a_damaged_header_is_refused_and_not_taken_for_the_end(tmp_path: Path, place: int) -> None:
    path = make_tar(tmp_path / "a.tar", {f"{i}.png": bytes([i]) * 700 for i in range(3)})
    data = bytearray(path.read_bytes())
    data[place + 3] ^= 1
    path.write_bytes(data)
    assert "damaged" in refusal(path)


def test_headers_that_lie_about_length_end_at_once(tmp_path: Path) -> None:
    """Beyond the end, and backwards: the same member over and over (CVE-2025-8194)."""
    for number, size in enumerate((1 << 40, -512, -1024)):
        body = info_of("1.png", 3).tobuf() + b"abc".ljust(512, b"\0")
        info = info_of("2.png")
        info.size = size
        lie = info.tobuf(tarfile.GNU_FORMAT)
        path = tmp_path / f"{number}.tar"
        path.write_bytes(body + lie + body + bytes(1024))
        assert "damaged" in refusal(path)


def test_long_files_and_a_shard_that_goes_meanwhile_are_broken_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_tar(tmp_path / "a.tar", {"1.png": b"x" * 100, "2.png": b"y"})
    source = open_source(path)
    monkeypatch.setattr(module, "MAX_IMAGE_BYTES", 99)
    with pytest.raises(BrokenImageError, match="longer than"):
        source.load(0)
    path.write_bytes(path.read_bytes()[:512])
    with pytest.raises(BrokenImageError, match="truncated inside the tar"):
        source.load(1)
    path.unlink()
    with pytest.raises(BrokenImageError, match="cannot be read"):
        source.load(1)


def test_packed_names_keep_bytes_that_are_not_utf8() -> None:
    names = PackedNames()
    for name in ("a", "p\udcfc.png", "caf\u00e9"):
        names.add(name)
    assert list(names) == ["a", "p\udcfc.png", "caf\u00e9"]
