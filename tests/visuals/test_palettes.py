"""One palette for all frames: even grays, or colors near those of the images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.visuals.palettes import make_palette
from tests.examples import examples


@settings(deadline=None, max_examples=examples(15))
@given(count=st.integers(16, 256))
def test_grays_are_off_by_at_most_half_a_step(count: int) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    palette = make_palette([levels], count)
    shown = palette.colors[palette.indices(levels)].astype(int)
    assert (shown[..., 0] == shown[..., 1]).all() and (shown[..., 1] == shown[..., 2]).all()
    # half a step, and half a level more because entries are whole numbers
    assert np.abs(shown[..., 0] - levels).max() <= 255 / (2 * (count - 1)) + 0.5


def test_all_grays_are_exact_with_256_entries() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    palette = make_palette([levels], 256)
    assert np.array_equal(palette.colors[palette.indices(levels)][..., 0], levels)


@pytest.mark.parametrize("count", [64, 256])
def test_few_colors_are_kept_nearly_exactly(count: int) -> None:
    rng = np.random.default_rng(0)
    few = rng.integers(0, 256, (20, 3)).astype(np.uint8)
    images = few[rng.integers(0, 20, (4, 16, 16))]
    palette = make_palette([images], count)
    shown = palette.colors[palette.indices(images)].astype(int)
    assert np.abs(shown - images).max() <= 4


def test_every_color_goes_to_its_nearest_entry() -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 12, 12, 3)).astype(np.uint8)
    palette = make_palette([images], 64)
    distances = ((images[..., None, :].astype(int) - palette.colors.astype(int)) ** 2).sum(axis=-1)
    chosen = np.take_along_axis(distances, palette.indices(images)[..., None].astype(int), axis=-1)[
        ..., 0
    ]
    # Pillow looks colors up in a coarse cube, so that the second nearest may be taken
    assert (np.sqrt(chosen) - np.sqrt(distances.min(axis=-1))).max() <= 12


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 8, 8, 3)])
def test_the_background_is_white(shape: tuple[int, ...]) -> None:
    palette = make_palette([np.zeros(shape, np.uint8)], 64)
    assert palette.colors[palette.background].tolist() == [255, 255, 255]
    assert len(palette.colors) <= 256


def test_a_picture_shows_the_entries() -> None:
    images = np.arange(64, dtype=np.uint8).reshape(1, 8, 8) * 4
    palette = make_palette([images], 64)
    indices = palette.indices(images)
    shown = np.asarray(palette.picture(indices[0]).convert("RGB"))
    assert np.array_equal(shown, palette.colors[indices[0]])


def test_a_small_part_keeps_its_hue_among_few_colors() -> None:
    """Two percent of blue in images of warm slopes: a median cut to 32 colors makes it gray."""
    rng = np.random.default_rng(2)
    warm = rng.integers(0, 256, (2, 40, 40, 1)) * np.array([1.0, 0.8, 0.6])
    images = (warm + rng.uniform(0, 20, (2, 40, 40, 3))).clip(0, 255).astype(np.uint8)
    images[:, :8, :4] = rng.integers((20, 60, 200), (50, 90, 240), (2, 8, 4, 3))
    palette = make_palette([images], 32)
    shown = palette.colors[palette.indices(images)].astype(int)
    assert np.abs(shown - images)[:, :8, :4].max() <= 45


def test_the_colors_are_the_means_of_their_pixels() -> None:
    """Three flocks of pixels far apart: their means are among the entries."""
    rng = np.random.default_rng(3)
    centers = np.array([[40, 40, 200], [200, 60, 40], [60, 190, 80]])
    flocks = centers[:, None] + rng.integers(-2, 3, (3, 200, 3))
    palette = make_palette([flocks.astype(np.uint8)[None]], 16)
    for flock in flocks:
        distances = np.abs(palette.colors.astype(int) - flock.mean(axis=0)).max(axis=1)
        assert distances.min() <= 2.5
