"""The first look: identity of a set, its sizes, modes and whether it is gray."""

from __future__ import annotations

import dataclasses
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data.image_source import ImageSource
from ddpm.data.source_detection import open_source
from ddpm.data.survey import Survey, survey_source
from ddpm.errors import RequestError, WorkError


def look(path: Path, cache: Path) -> Survey:
    return survey_source(open_source(path), cache)


def test_sizes_and_modes_are_counted_the_commonest_first(
    tmp_path: Path, write_folder: Any, pictures: Any
) -> None:
    small, odd, color = pictures(2, (8, 9)), pictures(3, (45, 33)), pictures(2, (8, 9), 3)
    files = {f"{i}.png": data for i, data in enumerate([*small, *odd, *color, b"broken"])}
    seen = look(write_folder(tmp_path / "a", files), tmp_path / "cache")
    assert list(seen.sizes.items()) == [("8x9", 4), ("45x33", 3)]
    assert list(seen.modes.items()) == [("L", 5), ("RGB", 2)]
    assert not seen.gray and seen.size == (64, 64)  # no clear majority


@pytest.mark.parametrize(
    ("sizes", "size"),
    [
        ({"28x28": 9, "99x99": 1}, (28, 28)),
        ({"45x33": 1}, (45, 33)),
        ({"64x20": 1}, (64, 20)),
        ({"65x20": 1}, (64, 64)),
        ({"300x200": 5, "28x28": 4}, (64, 64)),
    ],
)
def test_the_automatic_size_is_the_commonest_up_to_64(sizes: Any, size: tuple[int, int]) -> None:
    assert Survey("", sizes, {}, True).size == size


def test_gray_pictures_saved_in_color_are_gray_until_one_is_not(
    tmp_path: Path, write_folder: Any, encode: Any
) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (20, 12, 12, 1), dtype=np.uint8)
    files = {f"{i}.jpg": encode(image.repeat(3, 2), "JPEG") for i, image in enumerate(gray)}
    root = write_folder(tmp_path / "a", files)
    assert look(root, tmp_path / "cache").gray
    (root / "9.jpg").write_bytes(encode(np.full((12, 12, 3), (9, 80, 9), dtype=np.uint8), "JPEG"))
    assert not look(root, tmp_path / "cache").gray


@pytest.mark.parametrize("position", [0, 1, 419, 700, 998])
def test_one_image_in_color_anywhere_makes_the_set_color(
    position: int, tmp_path: Path, write_folder: Any, encode: Any
) -> None:
    """All images are looked at, not a sample of them."""
    gray, red = np.full((8, 8, 3), 99, np.uint8), np.full((8, 8, 3), (255, 0, 0), np.uint8)
    files = dict.fromkeys((f"{i}.png" for i in range(999)), encode(gray))
    root = write_folder(tmp_path / "a", files)
    assert look(root, tmp_path / "cache").gray
    (root / f"{position}.png").write_bytes(encode(red))
    assert not look(root, tmp_path / "cache").gray


def test_the_content_hash_follows_content_and_names_not_place_or_packing(
    tmp_path: Path, write_folder: Any, pictures: Any
) -> None:
    cache = tmp_path / "cache"
    root = write_folder(tmp_path / "a", {f"s/{i}.png": p for i, p in enumerate(pictures(3))})
    first = look(root, cache).content_hash
    shutil.copytree(root, tmp_path / "b" / "a")
    assert look(tmp_path / "b" / "a", cache).content_hash == first
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for path in sorted(root.rglob("*.png"), reverse=True):
            archive.write(path, path.relative_to(root).as_posix())
    assert look(tmp_path / "c.zip", cache).content_hash == first
    (root / "s/2.png").rename(root / "s/3.png")
    renamed = look(root, cache).content_hash
    (root / "s/3.png").write_bytes(pictures(1, seed=9)[0])
    assert len({first, renamed, look(root, cache).content_hash}) == 3


def test_labels_belong_to_the_content(tmp_path: Path) -> None:
    images = np.zeros((4, 5, 5), dtype=np.uint8)
    hashes = set()
    for name, labels in (("a", [0, 0, 1, 1]), ("b", [0, 1, 0, 1])):
        np.savez(tmp_path / f"{name}.npz", images=images, labels=labels)
        hashes.add(look(tmp_path / f"{name}.npz", tmp_path / "cache").content_hash)
    assert len(hashes) == 2


def failing(index: int) -> bytes:
    raise AssertionError(f"item {index} was read")


def test_an_unchanged_set_is_not_read_again(
    tmp_path: Path, write_folder: Any, pictures: Any
) -> None:
    files = {f"{i}.png": p for i, p in enumerate([*pictures(3), b"broken"])}
    source = open_source(write_folder(tmp_path / "a", files))
    first = survey_source(source, tmp_path / "cache")
    unread = dataclasses.replace(source, load=failing)
    assert survey_source(unread, tmp_path / "cache") == first
    (file,) = (tmp_path / "cache" / "surveys").iterdir()
    for damage in ("", "{", "[]", '{"rule": 0}', '{"rule": 1, "sizes": {}}'):
        file.write_text(damage, encoding="utf-8")
        with pytest.raises(AssertionError, match="was read"):
            survey_source(unread, tmp_path / "cache")
    assert survey_source(source, tmp_path / "cache") == first


def test_what_could_not_be_read_is_tried_again(
    tmp_path: Path, write_folder: Any, pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_folder(tmp_path / "a", {f"{i}.png": p for i, p in enumerate(pictures(3))})
    source = open_source(root)

    def absent(index: int) -> Any:
        return source.load(index) if index else open_missing(root)

    gone = survey_source(dataclasses.replace(source, load=absent), tmp_path / "cache")
    assert sum(gone.sizes.values()) == 2
    assert sum(survey_source(source, tmp_path / "cache").sizes.values()) == 3


def open_missing(root: Path) -> bytes:
    from ddpm.data.folder import read_file

    return read_file(root / "missing.png")


def test_a_set_of_broken_images_is_refused(tmp_path: Path, write_folder: Any, encode: Any) -> None:
    dot = encode(np.zeros((1, 1), dtype=np.uint8))
    root = write_folder(tmp_path / "a", {"1.png": dot, "2.png": b"no picture"})
    with pytest.raises(
        RequestError, match=r"None of the 2 images in a .*\(1.png is too small \(1x1"
    ):
        look(root, tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_said_in_a_sentence(
    tmp_path: Path, pictures: Any, write_folder: Any
) -> None:
    root = write_folder(tmp_path / "a", {f"{i}.png": p for i, p in enumerate(pictures(2))})
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(WorkError, match=r"cannot be written .*DDPM_CACHE_DIR"):
        look(root, tmp_path / "file" / "cache")


def test_headers_alone_decide_for_gray_modes(tmp_path: Path) -> None:
    """No picture is decoded where every mode is gray."""
    images = np.zeros((3, 1, 4, 4), dtype=np.uint8)
    source = ImageSource("a", "array", ("0", "1", "2"), lambda i: images[i], "f")
    assert (
        survey_source(source, tmp_path).modes == {"L": 3} and survey_source(source, tmp_path).gray
    )
