"""The training size `auto`, and what decoding to a size changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.data.dataset import prepare_dataset
from ddpm.data.fitting import auto_size, describe_fit, measure_fit
from ddpm.data.inspection import inspect_images

PHOTOS = {f"{200 + i}x{400 - i}": 1 for i in range(100)}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"28x28": 100}, (28, 28)),
        ({"45x33": 90, "64x64": 10}, (45, 33)),
        ({"28x28": 60, "32x32": 40}, (28, 28)),
        ({"28x28": 59, "32x32": 41}, (64, 64)),
        ({"16x16": 2} | PHOTOS, (64, 64)),  # two icons among photos
        ({"17x24": 1} | PHOTOS, (64, 64)),
        ({"20x20": 1, "30x30": 1}, (64, 64)),
        ({"200x200": 100}, (64, 64)),
        ({"65x20": 100}, (64, 64)),
    ],
)
def test_a_native_size_needs_a_clear_majority(
    sizes: dict[str, int], expected: tuple[int, int]
) -> None:
    assert auto_size(sizes) == expected


def test_changes_are_measured_by_hand() -> None:
    fit = measure_fit({"16x16": 2, "64x64": 3, "128x128": 1, "50x200": 1}, (64, 64), auto=False)
    assert (fit["enlarged"], fit["enlarged_by"]) == (3, 4.0)  # the 50x200 one by 64 / 50
    assert (fit["reduced"], fit["reduced_by"]) == (1, 2.0)
    assert (fit["cropped"], fit["cropped_by"]) == (1, 0.75)
    assert describe_fit(fit, "64x64") == (
        "size 64x64: 3 enlarged up to 4 times, 1 reduced up to 2 times, 1 cropped by up to 75% of the area"
    )


@pytest.mark.parametrize(
    ("sizes", "line"),
    [
        ({"28x28": 9}, ""),
        (
            {"28x28": 9, "56x28": 1},
            "size 28x28 (the most frequent: 28x28, 9 of 10 images): 1 cropped by up to 50% of the area",
        ),
        (
            {"128x128": 9},
            "size 64x64 (the most frequent is larger: 128x128, 9 of 9 images): 9 reduced up to 2 times",
        ),
        (
            {"16x16": 2, "128x128": 1, "256x256": 1},
            "size 64x64 (no size has a clear majority; the most frequent: 16x16, 2 of 4 images): "
            "2 enlarged up to 4 times, 2 reduced up to 4 times",
        ),
    ],
)
def test_one_line_says_which_size_and_why(sizes: dict[str, int], line: str) -> None:
    size = auto_size(sizes)
    assert describe_fit(measure_fit(sizes, size, auto=True), f"{size[0]}x{size[1]}") == line


def test_photos_with_a_few_icons_are_trained_at_64_and_inspect_says_so(
    tmp_path: Path, write_folder: Callable[[Path, dict[str, bytes]], Path]
) -> None:
    rng = np.random.default_rng(0)
    for i, shape in enumerate([(70 + k, 140 - k, 3) for k in range(6)] + [(16, 16, 3)] * 2):
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(tmp_path / f"{i}.png")
    dataset = prepare_dataset(tmp_path, cache_dir=tmp_path / ".cache")
    assert dataset.images.shape == (8, 3, 64, 64)
    assert dataset.report["fit"]["enlarged"] == 2 and dataset.report["fit"]["reduced"] == 6
    rows = inspect_images(tmp_path, cache_dir=tmp_path / ".cache").summary
    fit = {row["what"]: row["value"] for row in rows}["fit"]
    assert fit.startswith(
        "size 64x64 (no size has a clear majority; the most frequent: 16x16, 2 of 8"
    )
