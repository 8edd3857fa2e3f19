"""The decoding rule, mode by mode, and its resize against an implementation from the definition."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ddpm.data import decoding
from ddpm.data.decoding import decode, ignore_pillow_warnings, read_header
from ddpm.data.image_source import BrokenImageError
from tests.examples import examples

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)
LUMA = np.asarray(Image.fromarray(COLOUR).convert("L"))
SIZE = (6, 5)


# ---- modes; nothing is resized here


def test_gray_stays_gray_or_is_repeated(encode: Any) -> None:
    assert np.array_equal(decode(encode(GREY), SIZE, 1), GREY[None])
    assert np.array_equal(decode(encode(GREY), SIZE, 3), np.stack([GREY] * 3))


def test_color_stays_color_or_becomes_luma(encode: Any) -> None:
    assert np.array_equal(decode(encode(COLOUR), SIZE, 3), COLOUR.transpose(2, 0, 1))
    luma = COLOUR.astype(float) @ [0.299, 0.587, 0.114]  # ITU-R 601
    assert np.abs(decode(encode(COLOUR), SIZE, 1)[0] - luma).max() < 0.51


def test_gray_saved_as_color_is_that_gray(encode: Any) -> None:
    data = encode(np.stack([GREY] * 3, axis=2))
    assert np.array_equal(decode(data, SIZE, 1), GREY[None])


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_transparent_lies_on_white(encode: Any, channels: int) -> None:
    alpha = np.array([[0, 128, 255]], dtype=np.uint8).repeat(2, axis=0)
    value = np.full((2, 3), 100, dtype=np.uint8)
    on_white = [255, round((128 * 100 + 127 * 255) / 255), 100]
    image = Image.merge("RGBA", [Image.fromarray(plane) for plane in (value, value, value, alpha)])
    gray = Image.merge("LA", [Image.fromarray(value), Image.fromarray(alpha)])
    for found in (decode(encode(image), (2, 3), channels), decode(encode(gray), (2, 3), channels)):
        assert found.shape == (channels, 2, 3)
        assert np.abs(found.astype(int) - np.array(on_white)).max() <= 1
        assert (found[:, :, [0, 2]] == [255, 100]).all()


def test_transparent_palettes_and_color_keys_lie_on_white(encode: Any) -> None:
    palette = Image.fromarray(np.array([[0, 1], [1, 0]], dtype=np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 200, 100, 50])
    found = decode(encode(palette, transparency=0), (2, 2), 3)
    white, other = [255, 255, 255], [200, 100, 50]
    assert found.transpose(1, 2, 0).tolist() == [[white, other], [other, white]]
    keyed = Image.fromarray(np.array([[7, 9], [9, 7]], dtype=np.uint8))
    assert decode(encode(keyed, transparency=7), (2, 2), 1).tolist() == [[[255, 9], [9, 255]]]


def test_opaque_palettes_and_two_levels(encode: Any) -> None:
    palette = Image.fromarray(np.array([[0, 1], [1, 0]], dtype=np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 200, 100, 50])
    assert decode(encode(palette), (2, 2), 3)[:, 0].T.tolist() == [[10, 20, 30], [200, 100, 50]]
    bits = Image.fromarray(np.array([[True, False], [False, True]]))
    assert decode(encode(bits), (2, 2), 1).tolist() == [[[255, 0], [0, 255]]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_to_eight(encode: Any, kind: str) -> None:
    wide = np.array([[0, 128, 129], [257 * 100, 65535 - 129, 65535]], dtype=np.uint16)
    found = decode(encode(wide, kind), (2, 3), 1)
    assert found.tolist() == [[[0, 0, 1], [100, 254, 255]]]
    assert read_header(encode(wide, kind)).gray


def test_sixteen_bits_in_color_are_scaled_to_eight() -> None:
    rows = np.array([[[0, 257 * 7, 65535]] * 2] * 2, dtype=">u2")
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)  # 16 bits, RGB

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines))
    assert decode(png + chunk(b"IEND", b""), (2, 2), 3)[:, 0, 0].tolist() == [0, 7, 255]


def test_wider_pixels_are_refused_as_nobody_knows_their_white(encode: Any) -> None:
    for wide in (np.full((3, 3), 70_000, np.int32), np.full((3, 3), 0.5, np.float32)):
        with pytest.raises(BrokenImageError, match="of unknown range"):
            decode(encode(wide, "TIFF"), (3, 3), 1)


def test_print_colors_become_rgb(encode: Any) -> None:
    flat = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow make red
    found = decode(encode(flat, "JPEG", quality=100), (16, 16), 3)
    assert np.abs(found[:, 8, 8].astype(int) - [255, 0, 0]).max() < 12


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(encode: Any, kind: str) -> None:
    first, second = (Image.new("RGB", (8, 8), color) for color in ("red", "blue"))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(first, kind, save_all=True, append_images=[second], **options)
    assert decode(data, (8, 8), 3)[:, 4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(encode: Any, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(COLOUR, exif=exif.tobytes())
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    height, width = upright.shape[:2]
    assert read_header(data)[:2] == (height, width)
    assert np.array_equal(decode(data, (height, width), 3), upright.transpose(2, 0, 1))


def test_damaged_exif_costs_nothing(encode: Any) -> None:
    data = encode(COLOUR, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    with ignore_pillow_warnings():
        assert np.array_equal(decode(data, SIZE, 3), COLOUR.transpose(2, 0, 1))


# ---- resize and crop


def lanczos(image: Any, height: int, width: int) -> Any:
    """Lanczos-3, its support scaled by the reduction, at the center window's pixels; by definition."""
    scale = min(image.shape[0] / height, image.shape[1] / width)

    def matrix(length: int, target: int) -> Any:
        start = (length - scale * target) / 2
        center = start + (np.arange(target)[:, None] + 0.5) * scale
        stretch = max(scale, 1.0)
        x = (np.arange(length)[None] + 0.5 - center) / stretch
        weights = np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
        return weights / weights.sum(1, keepdims=True)

    rows = matrix(image.shape[0], height), matrix(image.shape[1], width)
    return np.clip(rows[0] @ image.astype(float) @ rows[1].T, 0, 255)


@pytest.mark.parametrize("shape", [(40, 40), (37, 61), (64, 20), (5, 9), (16, 200), (31, 9)])
@pytest.mark.parametrize("size", [(8, 8), (12, 5)])
def test_the_resize_is_an_antialiased_lanczos_of_the_centerd_window(
    encode: Any, shape: tuple[int, int], size: tuple[int, int]
) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    smooth = 128 + 60 * np.sin(0.9 * x) * np.cos(0.6 * y) + 40 * np.sin(0.1 * x + 0.2 * y)
    image = smooth.astype(np.uint8)
    found = decode(encode(image), size, 1)[0].astype(float)
    assert np.abs(found - lanczos(image, *size)).max() <= 1.5  # Pillow rounds twice


def test_fine_detail_becomes_gray_not_noise(encode: Any) -> None:
    checkers = (255 * (np.indices((64, 64)).sum(0) % 2)).astype(np.uint8)
    found = decode(encode(checkers), (8, 8), 1).astype(int)
    assert np.abs(found - 127.5).max() < 6


def test_where_the_shorter_side_fits_pixels_are_cropped_from_the_middle_untouched(
    encode: Any,
) -> None:
    wide = RNG.integers(0, 256, (6, 11), dtype=np.uint8)
    assert np.array_equal(decode(encode(wide), (6, 6), 1)[0], wide[:, 2:8])
    tall = RNG.integers(0, 256, (13, 6), dtype=np.uint8)
    assert np.array_equal(decode(encode(tall), (6, 6), 1)[0], tall[3:9])


def test_the_aspect_is_kept(encode: Any) -> None:
    """A disc stays a disc whatever the frame around it."""
    y, x = np.mgrid[:120, :200]
    disc = (255 * ((y - 59.5) ** 2 + (x - 99.5) ** 2 < 40**2)).astype(np.uint8)
    found = decode(encode(disc), (60, 60), 1)[0] > 127
    assert abs(int(found.any(0).sum()) - 40) <= 1 and abs(int(found.any(1).sum()) - 40) <= 1


@settings(deadline=None, max_examples=examples(40))
@given(
    height=st.integers(2, 50),
    width=st.integers(2, 50),
    size=st.tuples(st.integers(2, 30), st.integers(2, 30)),
    channels=st.sampled_from([1, 3]),
    level=st.integers(0, 255),
)
def test_any_size_becomes_any_other_and_one_color_stays(
    height: int, width: int, size: tuple[int, int], channels: int, level: int
) -> None:
    item = np.full((1, height, width), level, dtype=np.uint8)
    found = decode(item, size, channels)
    assert found.shape == (channels, *size) and found.dtype == np.uint8
    assert (found == level).all()


def test_thin_images_are_cropped_before_they_are_enlarged() -> None:
    item = np.zeros((1, 2, 30_000), dtype=np.uint8)
    item[:, :, 15_000:] = 255
    found = decode(item, (64, 64), 1)  # enlarged whole it would be 64 x 960,000
    assert (found[:, :, :10] == 0).all() and (found[:, :, -10:] == 255).all()


def test_large_jpegs_are_decoded_reduced_and_look_the_same(encode: Any) -> None:
    y, x = np.mgrid[:900, :1300] / 900
    picture = np.stack([np.sin(9 * x + 3 * y), np.cos(20 * x * y), np.sin(14 * y)], axis=2)
    data = encode((127.5 * (picture + 1)).astype(np.uint8), "JPEG", quality=95)
    whole = np.asarray(Image.open(io.BytesIO(data))).transpose(2, 0, 1)
    difference = decode(data, (32, 32), 3).astype(float) - decode(whole, (32, 32), 3)
    assert np.abs(difference).max() < 3 and np.abs(difference).mean() < 0.6


def test_arrays_go_the_way_of_files(encode: Any) -> None:
    for image, item in ((GREY, GREY[None]), (COLOUR, COLOUR.transpose(2, 0, 1))):
        for channels in (1, 3):
            expected = decode(encode(image), (4, 7), channels)
            assert np.array_equal(decode(item, (4, 7), channels), expected)
    assert read_header(GREY[None]).gray and not read_header(COLOUR.transpose(2, 0, 1)).gray


# ---- what cannot be used


def test_damaged_files_are_broken_with_a_reason(encode: Any) -> None:
    whole = encode(RNG.integers(0, 256, (60, 60, 3), dtype=np.uint8))
    with pytest.raises(BrokenImageError, match="is empty"):
        decode(b"", SIZE, 1)
    for data in (b"no image at all", whole[:4], b"\xff\xd8\xff garbage"):
        with pytest.raises(BrokenImageError, match=r"is not an image|cannot be decoded"):
            decode(data, SIZE, 1)
    assert read_header(whole[:500])[:2] == (60, 60)
    with pytest.raises(BrokenImageError, match="cannot be decoded"):
        decode(whole[:500], SIZE, 1)


@settings(deadline=None, max_examples=examples(60))
@given(
    position=st.integers(0, 10**6),
    value=st.integers(0, 255),
    kind=st.sampled_from(["PNG", "GIF", "BMP"]),
)
def test_no_damage_ever_escapes_as_another_error(position: int, value: int, kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(COLOUR).save(buffer, kind)
    data = bytearray(buffer.getvalue())
    data[position % len(data)] = value
    with ignore_pillow_warnings():
        try:
            assert decode(bytes(data), SIZE, 3).shape == (3, *SIZE)
        except BrokenImageError as error:
            assert str(error)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1)])
def test_images_a_pixel_wide_are_too_small(encode: Any, shape: tuple[int, int]) -> None:
    image = np.zeros(shape, dtype=np.uint8)
    for item in (encode(image), image[None]):
        for use in (lambda: decode(item, SIZE, 1), lambda: read_header(item)):  # noqa: B023
            with pytest.raises(BrokenImageError, match="too small"):
                use()
    assert decode(encode(np.zeros((2, 2), dtype=np.uint8)), SIZE, 1).shape == (1, *SIZE)


def test_absurdly_large_images_are_refused_before_their_pixels_are_read(encode: Any) -> None:
    """A PNG of a few bytes whose header promises gigapixels."""
    data = bytearray(encode(GREY))
    for width, height in ((10_000, 10_000), (50_000, 50_000)):  # above Pillow's warning, its error
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        with (
            ignore_pillow_warnings(),
            pytest.raises(BrokenImageError, match="more than 89,478,485 pixels"),
        ):
            decode(bytes(data), SIZE, 1)


def test_large_images_are_decoded_two_at_a_time(
    encode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_LARGE", 10)
    gate, entered, most = threading.Semaphore(0), threading.Semaphore(0), [0, 0]
    plain = decoding._to_gray_or_rgb

    def waiting(image: Any, limits: Any) -> Any:
        most[0] += 1
        most[1] = max(most)
        entered.release()
        assert gate.acquire(timeout=20)
        most[0] -= 1
        return plain(image, limits)

    monkeypatch.setattr(decoding, "_to_gray_or_rgb", waiting)
    threads = [threading.Thread(target=decode, args=(encode(GREY), SIZE, 1)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert entered.acquire(timeout=20)
        gate.release()
    for thread in threads:
        thread.join()
    assert most == [0, 2] or most == [0, 1]


def test_formats_that_run_other_programs_are_not_opened() -> None:
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    with pytest.raises(BrokenImageError, match="is not an image"):
        read_header(eps)


def test_a_phones_picture_under_another_name_is_recognised() -> None:
    with pytest.raises(BrokenImageError, match=r"HEIC image.*save it as JPEG or PNG"):
        read_header(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
