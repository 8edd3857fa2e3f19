"""Sets that use a small part of their range: said, measured, and stretched by limits that a run keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddpm.data.dataset import Dataset, Preparation, prepare_dataset
from ddpm.data.decoding import decode
from ddpm.data.image_files import read_image
from ddpm.data.inspection import inspect_images
from ddpm.data.value_range import describe_range, range_for
from ddpm.errors import RequestError


def twelve_bits(root: Path, count: int = 6, high: int = 4095) -> Any:
    """16-bit PNGs of values 0 … high; returns the values [N, 8, 8]."""
    values = np.random.default_rng(0).integers(0, high + 1, (count, 8, 8), dtype=np.uint16)
    values[0, 0, :2] = 0, high
    root.mkdir()
    for i, image in enumerate(values):
        Image.fromarray(image).save(root / f"{i}.png")
    return values


@pytest.fixture
def prepare(tmp_path: Path) -> Any:
    def run(path: Path, value_range: str = "full") -> Dataset:
        settings = Preparation(value_range=value_range)
        return prepare_dataset(path, settings, cache_dir=tmp_path / "cache")

    return run


def test_a_small_range_is_said_and_stretched_on_request(tmp_path: Path, prepare: Any) -> None:
    values = twelve_bits(tmp_path / "set")
    plain = prepare(tmp_path / "set")
    assert plain.images[:].max() == 16  # 4095 / 257: nearly black, as stored
    assert plain.report["range"] == {"low": 0, "high": 4095, "full": 65535, "stretched": False}
    line = describe_range(plain.report["range"])
    assert "pixel values 0 to 4095 of 0 to 65535 (6.2 % of the range)" in line
    assert "--set data.range=auto" in line
    for value_range in ("auto", "0:4095"):
        stretched = prepare(tmp_path / "set", value_range)
        expected = np.rint(values.astype(float) / 4095 * 255).astype(np.uint8)
        assert np.array_equal(stretched.images[:, 0], expected)
        assert stretched.report["range"]["stretched"] is True
        assert (stretched.report["range"]["low"], stretched.report["range"]["high"]) == (0, 4095)
    assert stretched.report["content_hash"] == plain.report["content_hash"]


def test_masks_of_0_and_1_become_black_and_white(tmp_path: Path, prepare: Any) -> None:
    masks = np.random.default_rng(0).integers(0, 2, (5, 6, 7), dtype=np.uint8)
    np.save(tmp_path / "masks.npy", masks)
    (tmp_path / "set").mkdir()
    for i, mask in enumerate(masks):
        Image.fromarray(mask).save(tmp_path / "set" / f"{i}.png")
    for path in (tmp_path / "masks.npy", tmp_path / "set"):
        facts = prepare(path).report["range"]
        assert facts == {"low": 0, "high": 1, "full": 255, "stretched": False}
        assert np.array_equal(prepare(path, "auto").images[:, 0], masks * 255)


def test_an_ordinary_set_is_silent_and_auto_changes_nothing(tmp_path: Path, prepare: Any) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 7), dtype=np.uint8)
    images[0, 0, :2] = 0, 255
    np.save(tmp_path / "a.npy", images)
    plain, auto = prepare(tmp_path / "a.npy"), prepare(tmp_path / "a.npy", "auto")
    assert plain.report["range"] is None and describe_range(None) == ""
    assert np.array_equal(plain.images[:], auto.images[:])
    assert "range" not in {row["what"] for row in inspected(tmp_path / "a.npy", tmp_path)}


def inspected(path: Path, tmp_path: Path, value_range: str = "full") -> Any:
    settings = Preparation(value_range=value_range)
    return inspect_images(path, settings, cache_dir=tmp_path / "cache").summary


def test_inspect_shows_the_range(tmp_path: Path) -> None:
    twelve_bits(tmp_path / "set")
    said = {row["what"]: row["value"] for row in inspected(tmp_path / "set", tmp_path)}
    assert said["range"].startswith("pixel values 0 to 4095 of 0 to 65535")
    said = {row["what"]: row["value"] for row in inspected(tmp_path / "set", tmp_path, "auto")}
    assert said["range"] == "pixel values 0 to 4095 are stretched to the whole range (data.range)"


def test_the_cached_range_is_measured_again_if_the_set_changes(
    tmp_path: Path, prepare: Any
) -> None:
    twelve_bits(tmp_path / "set")
    prepare(tmp_path / "set", "auto")
    Image.fromarray(np.full((8, 8), 9000, np.uint16)).save(tmp_path / "set" / "new.png")
    assert prepare(tmp_path / "set", "auto").report["range"]["high"] == 9000


def test_pictures_of_8_and_16_bits_have_no_common_limits(tmp_path: Path, prepare: Any) -> None:
    twelve_bits(tmp_path / "set")
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "set" / "b.png")
    with pytest.raises(RequestError, match=r"with 8 and with 16 bits.*data.range=full"):
        prepare(tmp_path / "set", "auto")
    broken = prepare(tmp_path / "set", "0:4095").report["broken_files"]
    assert broken == [{"name": "b.png", "reason": "has 8-bit pixels, but data.range is 0:4095"}]


@pytest.mark.parametrize("text", ["", "big", "5:5", "9:2", "0:70000", "-1:5", "1.5:3", "0-4095"])
def test_other_ranges_are_refused_before_any_image_is_read(text: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="Use full, auto, or LOW:HIGH such as 0:4095"):
        prepare_dataset(tmp_path / "x", Preparation(value_range=text), cache_dir=tmp_path)


@given(st.integers(0, 254), st.integers(1, 255), st.integers(0, 255))
def test_stretching_is_rounded_and_clipped(low: int, high: int, value: int) -> None:
    if low >= high:
        low, high = high - 1, low + 1
    pixels = np.full((1, 2, 2), value, np.uint8)
    exact = np.clip((value - low) / (high - low), 0, 1) * 255
    assert abs(int(decode(pixels, (2, 2), 1, (low, high))[0, 0, 0]) - exact) <= 0.5


def test_single_images_are_stretched_like_the_runs_own(tmp_path: Path) -> None:
    values = twelve_bits(tmp_path / "set")
    found = read_image(tmp_path / "set" / "2.png", (1, 8, 8), "0:4095")
    assert np.array_equal(found[0], np.rint(values[2] / 4095 * 255).astype(np.uint8))
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8)  # of 8 bits: no 12-bit picture
    Image.fromarray(picture).save(tmp_path / "b.png")
    assert np.array_equal(read_image(tmp_path / "b.png", (1, 8, 8), "0:4095")[0], picture)


def test_16_bit_limits_apply_to_16_bit_references_only() -> None:
    assert range_for("0:4095", {"I;16": 3, "L": 1}) == "0:4095"
    assert range_for("0:4095", {"L": 1}) == "full"
    assert range_for("0:1", {"L": 1}) == "0:1" and range_for("full", {"I;16": 1}) == "full"
