"""Names of images: order, labels, what counts as one."""

from __future__ import annotations

import io
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from ddpm.data.dataset import prepare_dataset
from ddpm.data.decoding import decode
from ddpm.data.image_source import (
    compute_once,
    is_image_name,
    labels_from_values,
    natural_sort_key,
)
from ddpm.data.inspection import inspect_images, list_other_files
from ddpm.data.source_detection import open_source
from ddpm.terminal import printable_name
from tests.examples import examples


def test_numbers_are_sorted_as_numbers_and_folders_before_longer_names() -> None:
    right = ["2.jpg", "10.jpg", "010b.jpg", "a/2.png", "a/10.png", "A2/1.png", "a 1/1.png", "b.png"]
    assert sorted(set(right), key=natural_sort_key) == right


def test_numbers_of_any_length_and_strange_digits_are_sorted() -> None:
    long = "9" * 5000
    names = [f"{long}.png", "²3.png", "٣.png", "1.png"]
    assert sorted(names, key=natural_sort_key)[:2] == ["1.png", f"{long}.png"]


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(st.text("aAé.1023 /-", max_size=8), max_size=8))
def test_the_order_depends_on_the_names_alone(names: list[str]) -> None:
    assert sorted(names, key=natural_sort_key) == sorted(sorted(names), key=natural_sort_key)
    assert natural_sort_key("x") != natural_sort_key("X")  # no two names tie


@pytest.mark.parametrize(
    ("name", "is_image"),
    [
        ("1.png", True),
        ("deep/er/1.JPeG", True),
        ("été 1.webp", True),
        ("a.b.tif", True),
        ("png", False),
        ("1.txt", False),
        (".1.png", False),
        (".git/1.png", False),
        ("__MACOSX/1.png", False),
        ("1.png/readme", False),
    ],
)
def test_images_are_known_by_their_ending_and_hidden_ones_are_not_seen(
    name: str, is_image: bool
) -> None:
    assert is_image_name(name) is is_image


def test_numbered_labels_are_made_to_start_at_zero_without_gaps() -> None:
    import numpy as np

    labels, class_names = labels_from_values(np.array([7, 3, 7, 20]))
    assert labels.tolist() == [1, 0, 1, 2] and class_names == ("3", "7", "20")


def test_names_become_text_that_can_be_written() -> None:
    decomposed, broken = "e\u0301.png", b"\xff.png".decode("utf-8", "surrogateescape")
    assert printable_name(decomposed) == "é.png"
    assert printable_name(broken).encode("utf-8")  # a lone surrogate cannot be encoded


def test_once_makes_one_value_for_all_threads() -> None:
    made = []
    get = compute_once(lambda: made.append(1) or object())  # type: ignore[func-returns-value]
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(set(map(id, found))) == 1 and len(found) == 8


PILLOW_FORMATS = {
    "png": "PNG", "apng": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "jfif": "JPEG",
    "bmp": "BMP", "dib": "DIB", "gif": "GIF", "webp": "WEBP", "avif": "AVIF", "tif": "TIFF",
    "tiff": "TIFF", "ppm": "PPM", "pgm": "PPM", "pnm": "PPM", "jp2": "JPEG2000", "j2k": "JPEG2000",
    "tga": "TGA", "ico": "ICO", "icns": "ICNS", "pcx": "PCX", "sgi": "SGI", "qoi": "QOI", "dds": "DDS",
}  # fmt: skip


@pytest.mark.parametrize("ending", sorted(PILLOW_FORMATS))
def test_every_still_format_of_pillow_is_read_under_its_extension(
    ending: str, tmp_path: Path
) -> None:
    kind = PILLOW_FORMATS[ending]
    if kind == "AVIF" and not features.check("avif"):
        kind = "PNG"  # a build without AVIF; the extension is listed anyway
    side = 16 if kind in ("ICO", "ICNS") else 12
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"a.{ending}", kind)
    source = open_source(tmp_path)
    assert source.names == (f"a.{ending}",) and source.other_files == {}
    item = source.load(0)
    assert isinstance(item, bytes)
    decoded = decode(item, (side, side), 3)
    lossless = kind not in ("JPEG", "AVIF", "WEBP", "GIF", "ICNS")
    assert not lossless or np.array_equal(decoded, pixels.transpose(2, 0, 1))


def pack(kind: str, files: dict[str, bytes], path: Path) -> Path:
    if kind == "folder":
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w") as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_files_without_an_extension_are_images_by_content_and_others_are_counted(
    kind: str, tmp_path: Path
) -> None:
    pixels = Image.fromarray(np.zeros((4, 4, 3), np.uint8))
    files = {}
    for format in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000", "QOI"):
        buffer = io.BytesIO()
        pixels.save(buffer, format)
        files[f"x/{format.lower()}"] = buffer.getvalue()
    others = {
        "x/a.heic": b"?", "x/b.HEIC": b"?", "x/notes.txt": b"?", "x/README": b"BMW", "x/empty": b"",
        "x/.hidden": b"", "__MACOSX/x/png": files["x/png"],
    }  # fmt: skip
    source = open_source(pack(kind, files | others, tmp_path / f"set.{kind}"))
    assert sorted(source.names) == sorted(files)
    assert dict(source.other_files) == {"heic": 2, "txt": 1, "": 2}


def test_a_training_set_names_the_files_that_are_not_images(tmp_path: Path) -> None:
    for i in range(3):
        Image.fromarray(np.full((4, 4), i, np.uint8)).save(tmp_path / f"{i}.png")
        (tmp_path / f"{i}.heic").write_bytes(b"?")
    (tmp_path / "list").write_text("0 1 2", encoding="utf-8")
    report = prepare_dataset(tmp_path, cache_dir=tmp_path / ".cache").report
    assert list_other_files(report) == "3 .heic, 1 without extension"
    rows = inspect_images(tmp_path, cache_dir=tmp_path / ".cache").summary
    assert {"what": "not images", "value": "3 .heic, 1 without extension"} in rows
