"""Arrays of other projects as uint8 images and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ddpm.data.array_values import class_labels, to_nchw
from ddpm.errors import RequestError

PATH = Path("mine.npy")
BYTES = np.arange(0, 240, dtype=np.uint8).reshape(5, 3, 4, 4)


@pytest.mark.parametrize(
    "array",
    [
        BYTES,
        BYTES.transpose(0, 2, 3, 1),
        BYTES.astype(np.int64),
        BYTES.astype(np.float32),
        BYTES.astype(np.float32) / 255,
        BYTES.astype(np.float64) / 127.5 - 1,
    ],
    ids=["uint8", "NHWC", "int64", "0 to 255", "0 to 1", "-1 to 1"],
)
def test_every_layout_and_range_gives_the_same_pixels(array: NDArray[np.generic]) -> None:
    found = to_nchw(array, PATH)
    assert found.dtype == np.uint8 and np.array_equal(found, BYTES)


def test_bytes_become_views_and_flat_images_get_a_channel() -> None:
    assert np.shares_memory(to_nchw(BYTES, PATH), BYTES)
    assert to_nchw(BYTES[:, 0], PATH).shape == (5, 1, 4, 4)
    assert to_nchw(BYTES[:, 0] > 100, PATH).max() == 255


def test_blocks_are_converted_alike() -> None:
    values = np.random.default_rng(0).random((2100, 1, 2, 2))  # three blocks
    expected = np.rint(values * 255).astype(np.uint8)
    assert np.array_equal(to_nchw(values, PATH), expected)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array(["a"]), "holds <U1 values. Pass an array of numbers"),
        (np.zeros((2, 0, 4, 4)), "holds images without pixels"),
        (np.zeros((2, 4, 4, 4)), "holds an array of 2 x 4 x 4 x 4, but images must be"),
        (np.array(1.0), "holds an array of a single number"),
        (np.full((2, 4, 4), -3.0), "holds values from -3 to -3"),
        (np.full((2, 4, 4), 256), "holds values from 256 to 256"),
    ],
)
def test_what_is_no_image_is_one_sentence(array: NDArray[np.generic], words: str) -> None:
    with pytest.raises(RequestError, match=rf"^mine\.npy {words}"):
        to_nchw(array, PATH)


@pytest.mark.parametrize(
    ("values", "labels", "names"),
    [
        (np.array([7, 3, 7]), [1, 0, 1], ("3", "7")),
        (np.array([[7.0], [3.0], [7.0]]), [1, 0, 1], ("3", "7")),
        (np.array([[0, 1], [1, 0], [0, 1]]), [1, 0, 1], ("0", "1")),
        (np.array(["b10", "b9", "b10"]), [1, 0, 1], ("b9", "b10")),
        (np.array([b"dog", b"cat ", b"dog"]), [1, 0, 1], ("cat", "dog")),
    ],
)
def test_labels_become_numbers_from_0(
    values: NDArray[np.generic], labels: list[int], names: tuple[str, ...]
) -> None:
    found, class_names = class_labels(values, 3, PATH)
    assert (found.tolist(), class_names) == (labels, names)
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    "values", [np.array([1, 2]), np.array([0.5, 1, 2]), np.ones((3, 2)), np.array([None] * 3)]
)
def test_labels_that_fit_no_image_are_refused(values: NDArray[np.generic]) -> None:
    with pytest.raises(
        RequestError, match="must be 3 integers or names, one per image, or one-hot"
    ):
        class_labels(values, 3, PATH)
