"""Cells hold exactly their images, two pixels apart, at whole multiples."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.errors import RequestError
from ddpm.visuals.layout import Layout, fit_layout, tile, to_pixels
from tests.examples import examples


@pytest.mark.parametrize(
    ("rows", "columns", "image", "scale"),
    [
        (5, 5, (28, 28), 4),  # 560 pixels, as the README shows them
        (5, 5, (64, 64), 2),
        (5, 5, (8, 8), 14),
        (10, 10, (28, 28), 2),
        (1, 40, (64, 64), 1),  # never below one
        (25, 1, (28, 28), 1),  # 560 wide would be 14,000 high
    ],
)
def test_the_chosen_scale_makes_a_picture_of_readable_size(
    rows: int, columns: int, image: tuple[int, int], scale: int
) -> None:
    assert fit_layout(rows, columns, image).scale == scale


@settings(deadline=None, max_examples=examples(20))
@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    scale=st.integers(1, 4),
    channels=st.sampled_from([1, 3]),
    missing=st.integers(0, 4),
    gap=st.integers(0, 3),
)
def test_every_pixel_of_a_grid_comes_from_its_image_or_is_background(
    rows: int,
    columns: int,
    height: int,
    width: int,
    scale: int,
    channels: int,
    missing: int,
    gap: int,
) -> None:
    count = max(1, rows * columns - missing)
    images = np.random.default_rng(0).integers(0, 255, (count, channels, height, width))
    layout = Layout(rows, columns, height, width, scale, gap)
    found = tile(to_pixels(images.astype(np.uint8)), layout).reshape(*layout.size, channels)
    pitch_y, pitch_x = height * scale + gap, width * scale + gap
    assert layout.size == (rows * pitch_y - gap, columns * pitch_x - gap)
    for y, x in product(*map(range, layout.size)):
        cell = y // pitch_y * columns + x // pitch_x
        inside = y % pitch_y < height * scale and x % pitch_x < width * scale
        if inside and cell < count:
            expected = images[cell, :, y % pitch_y // scale, x % pitch_x // scale]
        else:
            expected = 255
        assert np.array_equal(found[y, x], np.broadcast_to(expected, channels))


def test_gaps_are_two_pixels_unless_said_otherwise() -> None:
    assert fit_layout(3, 2, (4, 5), scale=1).size == (3 * 4 + 2 * 2, 2 * 5 + 2)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 4, 3, 3), np.uint8),  # four channels
        np.zeros((2, 3, 3), np.uint8),
        np.zeros((2, 1, 3, 3), np.float32),
        np.zeros((0, 1, 3, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_images_are_refused(images: np.ndarray) -> None:
    with pytest.raises(RequestError, match="uint8 images"):
        to_pixels(images)


def test_a_full_grid_is_taken_and_one_image_more_refused() -> None:
    images = to_pixels(np.zeros((7, 1, 2, 2), np.uint8))
    layout = fit_layout(2, 3, (2, 2), scale=1)
    assert tile(images[:6], layout).max() == 255  # the gaps
    with pytest.raises(RequestError, match="7 images do not fit a grid of 2x3"):
        tile(images, layout)


@pytest.mark.parametrize(("rows", "columns", "scale"), [(0, 5, 1), (5, 0, 1), (5, 5, 0)])
def test_grids_without_cells_are_refused(rows: int, columns: int, scale: int) -> None:
    with pytest.raises(RequestError):
        fit_layout(rows, columns, (8, 8), scale=scale)
