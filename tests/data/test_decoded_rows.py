"""Decoded rows on disk: pixels, hashes and sums of every usable image, and the reasons of the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.data.content_hash import DatasetHash, item_hash
from ddpm.data.decoded_rows import Transform, open_rows, write_rows
from ddpm.data.image_source import BrokenImageError, ImageSource
from ddpm.data.mapped_array import open_mapped_array
from ddpm.errors import RequestError, WorkError


def source(items: list[bytes]) -> ImageSource:
    def load(index: int) -> bytes:
        if items[index] == b"gone":
            raise BrokenImageError("cannot be read")
        return items[index]

    return ImageSource("mine", "folder", tuple(f"{i}.png" for i in range(len(items))), load, "f")


def content_hash(own: ImageSource, items: list[bytes]) -> str:
    found = DatasetHash(own)
    for item in items:
        found.add("unreadable" if item == b"gone" else item_hash(item))
    return found.hexdigest()


def written(items: list[bytes], transform: Transform, folder: Path) -> None:
    folder.mkdir()
    own = source(items)
    write_rows(own, content_hash(own, items), transform, folder, None)


def test_pixels_sums_and_hashes_are_those_of_the_images(
    pictures: Callable[..., list[bytes]], tmp_path: Path
) -> None:
    items = [*pictures(3, channels=3), b"gone", b"no image"]
    written(items, Transform((8, 8), 3), tmp_path / "cache")
    images, rows = (
        open_mapped_array(tmp_path / "cache", (3, 3, 8, 8)),
        open_rows(tmp_path / "cache"),
    )
    assert rows["items"].tolist() == [0, 1, 2]
    for row, item in enumerate(items[:3]):
        Path("image.png").write_bytes(item)
        pixels = np.asarray(Image.open("image.png")).transpose(2, 0, 1)
        assert np.array_equal(images[row], pixels)
        wide = pixels.reshape(3, -1).astype(int)
        assert rows["sums"][row].tolist() == [[c.sum(), (c**2).sum()] for c in wide]
        assert rows["file_hashes"][row] == int(item_hash(item)[:16], 16)
        assert rows["pixel_hashes"][row] == int(item_hash(pixels.tobytes())[:16], 16)
    summary = json.loads((tmp_path / "cache/index.json").read_text("utf-8"))
    assert summary["shape"] == [3, 3, 8, 8]
    assert [name for name, _ in summary["broken"]] == ["3.png", "4.png"]


def test_a_set_that_changed_meanwhile_is_refused(
    pictures: Callable[..., list[bytes]], tmp_path: Path
) -> None:
    with pytest.raises(WorkError, match="mine changed while they were read"):
        write_rows(source(pictures(2)), "0" * 64, Transform((8, 8), 1), tmp_path, None)


def test_a_set_without_an_image_names_the_first_file(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"0\.png"):
        written([b"no image", b"none either"], Transform((8, 8), 1), tmp_path / "cache")


def test_each_transform_has_a_key() -> None:
    keys = {
        Transform(size, channels, limits).key("a" * 64)
        for size in ((8, 8), (8, 9))
        for channels in (1, 3)
        for limits in (None, (0, 100))
    }
    assert len(keys) == 8
    assert Transform((8, 9), 1).key("ab" * 32).startswith("ab" * 16 + "-8x9x1-")


def test_rows_of_older_caches_are_read(tmp_path: Path) -> None:
    columns = {"items": np.arange(2), "sums": np.ones((2, 1, 2), np.int64)}
    np.savez(tmp_path / "rows.npz", **columns)
    found = open_rows(tmp_path)
    assert all(np.array_equal(found[name], column) for name, column in columns.items())
