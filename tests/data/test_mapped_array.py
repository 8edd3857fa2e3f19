"""Rows in one file or several read as one array; what is cut, swollen or missing is no array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data import mapped_array as module
from ddpm.data.mapped_array import (
    MappedArray,
    RowFile,
    open_mapped_array,
    open_memmap,
    write_mapped_array,
)

ROW = (3, 2, 4)


def numbered(count: int) -> Any:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, *ROW), np.uint8)


def write(folder: Path, images: Any) -> int:
    return write_mapped_array(folder, ROW, (image.tobytes() for image in images))


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rows a file."""
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 4 * 24 + 23)


def test_a_small_set_is_one_file_that_anyone_can_open(tmp_path: Path) -> None:
    images = numbered(7)
    assert write(tmp_path, images) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["images.npy"]
    assert np.array_equal(np.load(tmp_path / "images.npy"), images)
    assert isinstance(open_mapped_array(tmp_path, images.shape), np.memmap)


@pytest.mark.parametrize(("count", "files"), [(4, 1), (5, 2), (8, 2), (11, 3)])
@pytest.mark.usefixtures("small_files")
def test_a_large_set_is_as_many_files_as_it_needs(tmp_path: Path, count: int, files: int) -> None:
    images = numbered(count)
    assert write(tmp_path, images) == count
    assert len(list(tmp_path.iterdir())) == files
    found = open_mapped_array(tmp_path, images.shape)
    assert isinstance(found, MappedArray) == (files > 1)
    assert np.array_equal(found[np.arange(count)], images)


@pytest.mark.usefixtures("small_files")
def test_every_index_gives_what_it_gives_of_one_array(tmp_path: Path) -> None:
    images = numbered(11)
    write(tmp_path, images)
    found = open_mapped_array(tmp_path, images.shape)
    assert found.shape == images.shape and len(found) == 11
    shuffled = np.random.default_rng(1).integers(0, 11, 40)
    many = [0, 10, -1, -11, np.int64(5), slice(None), slice(3, 9, 2), slice(8, 2, -1), slice(5, 5)]
    arrays = [
        shuffled,
        shuffled.astype(np.uint32),
        shuffled - 11,
        shuffled[:0],
        images[:, 0, 0, 0] > 99,
    ]
    for index in [*many, *arrays]:
        assert np.array_equal(found[index], images[index])  # type: ignore[index, call-overload]
    for wrong in (11, -12, np.array([3, 11])):
        with pytest.raises(IndexError):
            found[wrong]
    assert np.array_equal(np.stack(list(found)), images)  # type: ignore[call-overload]


@pytest.mark.usefixtures("small_files")
def test_what_is_taken_out_may_be_changed_without_harm(tmp_path: Path) -> None:
    images = numbered(9)
    write(tmp_path, images)
    found = open_mapped_array(tmp_path, images.shape)
    found[np.array([1, 8])].fill(0)
    found[slice(0, 2)].fill(0)
    assert np.array_equal(found[np.arange(9)], images)


@pytest.mark.parametrize("file", ["images.npy", "images-1.npy", "images-2.npy"])
@pytest.mark.parametrize("damage", ["gone", "cut", "empty", "longer", "other rows"])
@pytest.mark.usefixtures("small_files")
def test_damage_of_any_piece_is_seen(tmp_path: Path, file: str, damage: str) -> None:
    images = numbered(10)
    write(tmp_path, images)
    path = tmp_path / file
    data = path.read_bytes()
    path.unlink()
    if damage == "other rows":
        np.save(path, np.zeros((2 if file == "images-2.npy" else 4, 3, 2, 5), np.uint8))
    elif damage != "gone":
        path.write_bytes({"cut": data[:-1], "empty": b"", "longer": data + b"x"}[damage])
    with pytest.raises((OSError, ValueError, EOFError)):
        open_mapped_array(tmp_path, images.shape)


def test_fewer_or_more_rows_than_were_promised_are_no_array(tmp_path: Path) -> None:
    write(tmp_path, numbered(6))
    for count in (0, 5, 7):
        with pytest.raises((OSError, ValueError)):
            open_mapped_array(tmp_path, (count, *ROW))


def test_records_come_back_by_their_names(tmp_path: Path) -> None:
    kind = np.dtype([("items", np.int64), ("sums", np.int64, (2, 2))])
    values = np.array([(7, [[1, 2], [3, 4]]), (9, [[5, 6], [7, 8]])], kind)
    with RowFile(tmp_path / "rows.npy", kind) as file:
        for value in values:
            file.add(value.tobytes())
    found = open_memmap(tmp_path / "rows.npy")
    assert found.dtype == kind and np.array_equal(found["sums"], values["sums"])
    assert np.array_equal(np.load(tmp_path / "rows.npy"), values)


def test_a_file_that_was_given_up_says_that_it_is_empty(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        RowFile(tmp_path / "x.npy", np.dtype(np.uint8), ROW) as f,
    ):
        f.add(bytes(24))
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match=r"longer|empty"):
        open_memmap(tmp_path / "x.npy")
