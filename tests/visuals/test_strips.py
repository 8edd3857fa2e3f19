"""Strips: images in rows, moments in columns, room for the titles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.annotations import text_width
from ddpm.visuals.strips import save_strip


def _images(count: int, channels: int, size: int) -> NDArray[np.uint8]:
    shape = (count, channels, size, size)
    return np.random.default_rng(count).integers(0, 256, shape).astype(np.uint8)


def _cells(path: Path, rows: int, columns: int, size: int) -> NDArray[np.uint8]:
    """The strip's images [rows, columns, size, size, ...], found from its bottom right corner."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    scale = round(720 / (columns * size))
    pitch = size * scale + 2
    area = pixels[-(rows * pitch - 2) :, -(columns * pitch - 2) :]
    at = [[area[r * pitch :, c * pitch :] for c in range(columns)] for r in range(rows)]
    return np.array(
        [[cell[: size * scale : scale, : size * scale : scale] for cell in row] for row in at]
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_are_images_and_columns_are_moments(tmp_path: Path, channels: int) -> None:
    columns = [
        (f"{share} %", _images(3, channels, 20) // (i + 1)) for i, share in enumerate([0, 50, 100])
    ]
    save_strip(tmp_path / "a.png", columns, row_titles=["a", "b", "c"], title="forward")
    found = _cells(tmp_path / "a.png", 3, 3, 20)
    for row in range(3):
        for column in range(3):
            image = columns[column][1][row].transpose(1, 2, 0).squeeze()
            assert np.array_equal(found[row, column], image)


def test_a_gray_mask_beside_color_images_becomes_color(tmp_path: Path) -> None:
    image, mask = _images(1, 3, 30), _images(1, 1, 30)
    save_strip(tmp_path / "a.png", [("image", image), ("mask", mask)])
    found = _cells(tmp_path / "a.png", 1, 2, 30)
    assert np.array_equal(found[0, 1], mask[0].transpose(1, 2, 0).repeat(3, axis=2))


def test_small_cells_grow_for_their_titles(tmp_path: Path) -> None:
    columns = [("100 %", _images(1, 1, 8))] * 30
    save_strip(tmp_path / "a.png", columns)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width >= 30 * text_width("100 %")


def test_a_title_takes_room_above_and_only_there(tmp_path: Path) -> None:
    columns = [("0 %", _images(2, 1, 60)), ("100 %", _images(2, 1, 60))]
    save_strip(tmp_path / "bare.png", columns)
    save_strip(tmp_path / "titled.png", columns, title="forward process")
    with Image.open(tmp_path / "bare.png") as bare, Image.open(tmp_path / "titled.png") as titled:
        before, after = np.asarray(bare), np.asarray(titled)
    assert after.shape[0] > before.shape[0]
    assert np.array_equal(after[-len(before) :], before)
    assert after[: len(after) - len(before)].min() < 100


@pytest.mark.parametrize(
    "columns",
    [
        [],
        [("a", np.zeros((1, 1, 4, 4), np.uint8)), ("b", np.zeros((2, 1, 4, 4), np.uint8))],
        [("a", np.zeros((1, 1, 4, 4), np.uint8)), ("b", np.zeros((1, 1, 4, 5), np.uint8))],
    ],
)
def test_columns_that_do_not_match_are_refused(
    tmp_path: Path, columns: list[tuple[str, NDArray[np.uint8]]]
) -> None:
    with pytest.raises(RequestError):
        save_strip(tmp_path / "a.png", columns)
