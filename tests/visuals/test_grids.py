"""Grids on disk: the images untouched, words only in margins of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ddpm.visuals.grids import grid, save_contact_sheet, save_grid


def _images(count: int, channels: int, height: int = 28, width: int = 28) -> NDArray[np.uint8]:
    shape = (count, channels, height, width)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_gray_stays_gray_and_color_stays_color(channels: int, mode: str) -> None:
    picture = grid(_images(25, channels), 5, 5)
    assert picture.mode == mode
    assert picture.size == (5 * 28 * 4 + 8, 5 * 28 * 4 + 8)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_saved_grid_gives_the_images_back(tmp_path: Path, channels: int) -> None:
    images = _images(6, channels)
    save_grid(tmp_path / "new" / "a.png", images, 2, 3)
    scale = round(560 / (3 * 28))
    pitch = 28 * scale + 2
    found = _read(tmp_path / "new" / "a.png")
    for i, image in enumerate(images.transpose(0, 2, 3, 1).squeeze()):
        top, left = i // 3 * pitch, i % 3 * pitch
        cell = found[top : top + 28 * scale, left : left + 28 * scale]
        assert np.array_equal(cell[::scale, ::scale], image)
        assert np.array_equal(cell[scale - 1 :: scale, scale - 1 :: scale], image)


def test_a_caption_stands_below_and_leaves_the_images_alone(tmp_path: Path) -> None:
    images = _images(4, 1)
    save_grid(tmp_path / "a.png", images, 2, 2, caption="seeds 0–3, σ × 2")
    found, bare = _read(tmp_path / "a.png"), np.asarray(grid(images, 2, 2))
    assert np.array_equal(found[: len(bare)], bare)
    below = found[len(bare) :]
    assert below.min() < 140  # ink
    assert (below[:4] == 255).all() and (below[-2:] == 255).all()  # the words are not cut off


def test_row_titles_stand_at_the_left(tmp_path: Path) -> None:
    images = _images(4, 1)
    save_grid(tmp_path / "a.png", images, 2, 2, row_titles=["real", "drawn"])
    found, bare = _read(tmp_path / "a.png"), np.asarray(grid(images, 2, 2))
    margin = found.shape[1] - bare.shape[1]
    assert np.array_equal(found[:, margin:], bare)
    upper, lower = np.split(found[:, :margin], 2)
    assert upper.min() < 140 and lower.min() < 140


@pytest.mark.parametrize("count", [1, 2, 5, 9, 64])
def test_a_contact_sheet_shows_every_image_once(tmp_path: Path, count: int) -> None:
    levels = np.arange(count, dtype=np.uint8)  # all different from the paper's 255
    save_contact_sheet(tmp_path / "a.png", np.tile(levels[:, None, None, None], (1, 1, 8, 8)))
    found = _read(tmp_path / "a.png")
    shown, pixels = np.unique(found[found != 255], return_counts=True)
    assert np.array_equal(shown, levels)
    assert len(set(pixels.tolist())) == 1
    assert 0.45 <= found.shape[0] / found.shape[1] <= 2


def test_a_contact_sheet_of_tall_images_is_not_a_tower(tmp_path: Path) -> None:
    save_contact_sheet(tmp_path / "a.png", np.zeros((36, 1, 90, 30), np.uint8))
    height, width = _read(tmp_path / "a.png").shape[:2]
    assert 0.5 <= height / width <= 2
