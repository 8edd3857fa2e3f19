"""Grids read back out of JPEGs: the images come back, and every other picture is refused with why."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.grid_reader import open_jpeg, read_grid
from ddpm.visuals.grids import grid
from ddpm.visuals.layout import Layout, fit_layout


def images(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """25 images of soft blobs, [25, *shape]."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (25, shape[0], 7, 7), dtype=np.uint8)
    rows = [
        np.stack([np.asarray(Image.fromarray(band).resize(shape[:0:-1])) for band in one])
        for one in small
    ]
    return np.stack(rows)


def encoded(picture: Image.Image, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 28, 28), (1, 64, 64), (3, 64, 64)])
def test_images_come_back_through_a_jpeg(shape: tuple[int, int, int]) -> None:
    original = images(shape)
    picture = open_jpeg(encoded(grid(original, 5, 5)))
    found = read_grid(picture, fit_layout(5, 5, shape[1:]), shape[0])
    assert found.shape == original.shape and found.dtype == np.uint8
    assert np.abs(found.astype(int) - original).mean() < 1


def test_noise_is_the_hardest_to_read_and_is_read() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (25, 3, 64, 64), dtype=np.uint8)
    found = read_grid(open_jpeg(encoded(grid(noise, 5, 5))), fit_layout(5, 5, (64, 64)), 3)
    assert np.abs(found.astype(int) - noise).mean() < 3


def test_words_below_the_grid_do_not_matter() -> None:
    picture = grid(images((1, 28, 28)), 5, 5)
    sheet = Image.new("L", (picture.width + 9, picture.height + 40), 200)
    sheet.paste(picture)
    layout = fit_layout(5, 5, (28, 28))
    assert np.array_equal(read_grid(sheet, layout, 1), images((1, 28, 28)))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda picture: grid(images((1, 28, 28))[:20], 4, 5), "need 568x568"),
        (lambda picture: picture.crop((0, 0, 400, 568)), "need 568x568"),
        (lambda picture: picture.resize((400, 400)).resize(picture.size), "white gaps"),
        (lambda picture: Image.new("L", picture.size, 90), "white gaps"),
        (lambda picture: grid(images((1, 28, 28)), 5, 5, gap=0).resize(picture.size), "white gaps"),
        (lambda picture: grid(images((1, 16, 16)), 5, 5, cell_scale=7), "whole multiples"),
    ],
)  # fmt: skip
def test_other_pictures_are_refused_with_the_reason(made, reason: str) -> None:  # type: ignore[no-untyped-def]
    layout = fit_layout(5, 5, (28, 28))
    picture = made(grid(images((1, 28, 28)), 5, 5))
    with pytest.raises(RequestError, match=reason):
        read_grid(open_jpeg(encoded(picture)), layout, 1)


def test_a_grid_without_gaps_can_be_read() -> None:
    layout = Layout(5, 5, 28, 28, 4, gap=0)
    picture = grid(images((1, 28, 28)), 5, 5, cell_scale=4, gap=0)
    assert np.array_equal(read_grid(picture, layout, 1), images((1, 28, 28)))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "WEBP"])
def test_a_renamed_picture_is_no_jpeg(kind: str) -> None:
    with pytest.raises(RequestError, match=f"is a {kind} file with the name of a JPEG"):
        open_jpeg(encoded(grid(images((1, 28, 28)), 5, 5), kind))


def test_what_is_no_picture_or_half_a_picture_is_refused() -> None:
    whole = encoded(grid(images((3, 64, 64)), 5, 5))
    for content in (b"", b"%PDF-1.7", b"\xff\xd8\xff", whole[:3]):
        with pytest.raises(RequestError, match=r"not a JPEG|damaged JPEG"):
            open_jpeg(content)
    with pytest.raises(RequestError, match="damaged JPEG"):
        open_jpeg(whole[: len(whole) // 2])


def test_a_picture_that_would_fill_the_memory_is_not_decoded() -> None:
    content = bytearray(encoded(Image.new("L", (16, 16))))
    frame = content.index(b"\xff\xc0")  # SOF0: length 2, precision 1, height 2, width 2
    for side in (8_000, 60_000):
        content[frame + 5 : frame + 9] = side.to_bytes(2, "big") * 2
        with pytest.raises(RequestError):
            open_jpeg(bytes(content))
