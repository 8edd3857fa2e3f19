"""Cells and fingerprints: found by layout, equal after JPEG and in any order, different for other images."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.grade.grid_cells import (
    cell_fingerprints,
    fingerprint,
    grid_images,
    matching_cells,
)
from ddpm.data.catalogue import embedded_digits
from ddpm.visuals.grids import save_grid


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """Fifty digits of 28x28 pixels, in two sets of 25."""
    with np.load(embedded_digits()) as found:
        small = found["images"][:50, 0]
    large = [Image.fromarray(image).resize((28, 28), Image.Resampling.BICUBIC) for image in small]
    return np.stack([np.asarray(image) for image in large])[:, None]


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, comment=b"")
    return Image.open(buffer)


def pasted(images: np.ndarray, scale: int, gap: int, margin: int, color: int = 0) -> Image.Image:
    """A grid as another program lays it out."""
    step = 28 * scale + gap
    side = 5 * step - gap + 2 * margin * gap
    picture = Image.new("L", (side, side), color)
    for index, image in enumerate(images[:, 0]):
        cell = Image.fromarray(image).resize((28 * scale, 28 * scale), Image.Resampling.NEAREST)
        row, column = divmod(index, 5)
        picture.paste(cell, (margin * gap + column * step, margin * gap + row * step))
    return picture


@pytest.mark.parametrize(("scale", "gap", "margin"), [(1, 2, 1), (3, 0, 0), (2, 2, 0)])
def test_grids_of_other_programs_are_cut_by_their_size(
    digits: np.ndarray, scale: int, gap: int, margin: int
) -> None:
    found = grid_images(pasted(digits[:25], scale, gap, margin), 28)
    assert found is not None and np.array_equal(found, digits[:25])


def test_a_grid_that_lost_its_mark_is_still_cut_above_its_caption(
    digits: np.ndarray, tmp_path: Path
) -> None:
    save_grid(tmp_path / "grid.png", digits[:25], 5, 5, caption="seeds 0–24")
    with Image.open(tmp_path / "grid.png") as picture:
        found = grid_images(as_jpeg(picture.convert("L"), 90), 28)
    assert found is not None and np.abs(found.astype(int) - digits[:25]).mean() < 2


def test_other_pictures_have_no_cells() -> None:
    assert grid_images(Image.new("L", (300, 300)), 28) is None


def test_fingerprints_survive_jpeg_and_resizing_and_tell_images_apart(digits: np.ndarray) -> None:
    plain = cell_fingerprints(digits[:25])
    again = [
        fingerprint(as_jpeg(Image.fromarray(image).resize((84, 84)), 80))
        for image in digits[:25, 0]
    ]
    assert matching_cells(plain, again) >= 24
    assert matching_cells(plain, cell_fingerprints(digits[25:])) <= 4


def test_the_order_of_the_cells_does_not_matter_and_each_counts_once(digits: np.ndarray) -> None:
    plain = cell_fingerprints(digits[:25])
    assert matching_cells(plain, plain[::-1]) == 25
    assert matching_cells(plain[:1] * 25, plain) <= 3


def test_flat_pictures_have_no_fingerprint_and_match_nothing() -> None:
    flat = fingerprint(Image.new("L", (28, 28), 128))
    assert flat == "" and matching_cells([flat] * 25, [flat] * 25) == 0
