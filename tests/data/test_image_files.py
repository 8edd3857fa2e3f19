"""Single image files of a command, decoded as a run's images are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.data.image_files import image_shape, read_image
from ddpm.errors import RequestError


def test_the_shape_is_that_of_the_file() -> None:
    Image.new("L", (5, 3)).save("gray.png")
    Image.new("RGB", (4, 6)).save("color.png")
    assert image_shape(Path("gray.png")) == (1, 3, 5)
    assert image_shape(Path("color.png")) == (3, 6, 4)


def test_an_image_of_the_asked_shape_is_only_converted() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4), dtype=np.uint8)
    Image.fromarray(pixels).save("gray.png")
    own = read_image(Path("gray.png"))
    assert own.dtype == np.uint8 and np.array_equal(own, pixels[None])
    color = read_image(Path("gray.png"), (3, 6, 4))
    assert np.array_equal(color, np.broadcast_to(pixels, (3, 6, 4)))
    color[:] = 0  # the caller may write into it


def test_16_bit_images_are_stretched_by_the_range_of_the_run() -> None:
    pixels = np.array([[0, 1000], [2000, 4000]], dtype=np.uint16)
    Image.fromarray(pixels).save("deep.png")
    found = read_image(Path("deep.png"), value_range="0:4000")
    assert found.tolist() == [[[0, 64], [128, 255]]]


@pytest.mark.parametrize("function", [read_image, image_shape])
def test_what_is_no_image_is_one_sentence(function) -> None:  # type: ignore[no-untyped-def]
    Path("notes.txt").write_text("no image", "utf-8")
    with pytest.raises(
        RequestError, match=r"^notes\.txt .*\. Pass an image such as a PNG or JPEG\.$"
    ):
        function(Path("notes.txt"))
    with pytest.raises(RequestError, match=r"^missing\.png cannot be read \(No such file"):
        function(Path("missing.png"))
