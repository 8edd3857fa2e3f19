"""Images kept as one array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError


def random(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "to_chw"),
    [
        ((5, 1, 6, 7), lambda image: image),
        ((5, 3, 6, 7), lambda image: image),
        ((5, 6, 7, 1), lambda image: image.transpose(2, 0, 1)),
        ((5, 6, 7, 3), lambda image: image.transpose(2, 0, 1)),
        ((5, 6, 7), lambda image: image[None]),
        ((5, 3, 7, 3), lambda image: image),  # both fit: N x C x H x W
    ],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_every_layout_becomes_chw(tmp_path: Path, shape: Any, to_chw: Any, suffix: str) -> None:
    images, path = random(*shape), tmp_path / f"my images{suffix}"
    np.save(path, images) if suffix == ".npy" else np.savez(path, images=images)
    source = open_source(path)
    assert source.name == "my images" and source.kind == "array" and len(source) == 5
    for i in range(5):
        assert np.array_equal(np.asarray(source.load(i)), to_chw(images[i]))


def test_labels_come_from_their_key(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=random(4, 6, 7), labels=np.array([9, 4, 4, 7], dtype=np.uint8))
    source = open_source(path)
    assert source.labels is not None and source.labels.tolist() == [2, 0, 0, 1]
    assert source.class_names == ("4", "7", "9")


@pytest.mark.parametrize(
    "labels", [np.zeros(3, dtype=int), np.zeros(4), np.zeros((4, 1), dtype=int)]
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: Any) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=random(4, 6, 7), labels=labels)
    with pytest.raises(RequestError, match="must be 4 integers, one per image"):
        open_source(path)


@pytest.mark.parametrize("array", [np.zeros((4, 6, 7)), np.zeros((4, 6, 7), dtype=np.int64)])
def test_other_numbers_than_bytes_are_refused_with_the_mend(tmp_path: Path, array: Any) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(RequestError, match=r"must be uint8, 0 to 255\. Save them with"):
        open_source(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(), (4,), (6, 7), (4, 2, 6, 7), (4, 1, 1, 6, 7)])
def test_other_shapes_are_refused(tmp_path: Path, shape: Any) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, dtype=np.uint8))
    with pytest.raises(RequestError, match="images must be N x C x H x W"):
        open_source(tmp_path / "a.npy")


def test_a_single_array_needs_no_key(tmp_path: Path) -> None:
    images = random(4, 6, 7)
    np.savez(tmp_path / "a.npz", images)  # numpy's own key, arr_0
    assert np.array_equal(open_source(tmp_path / "a.npz").load(2), images[2][None])


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=random(4, 6, 7), y_train=np.zeros(4))
    with pytest.raises(RequestError, match=r"needs the key images .* but has x_train, y_train"):
        open_source(tmp_path / "a.npz")


def test_an_empty_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((0, 1, 6, 7), dtype=np.uint8))
    with pytest.raises(RequestError, match="contains no images"):
        open_source(tmp_path / "a.npy")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """An array of objects would run their code when loaded."""
    np.save(tmp_path / "a.npy", np.array([{"an": "object"}], dtype=object), allow_pickle=True)
    with pytest.raises(RequestError, match="not a readable array of numbers"):
        open_source(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_cut_short_or_other_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    np.save(path, random(9, 30, 30)) if suffix == ".npy" else np.savez(
        path, images=random(9, 30, 30)
    )
    data = path.read_bytes()
    for wrong in (b"", b"no array", data[:100], data[: len(data) // 2]):
        path.write_bytes(wrong)
        with pytest.raises(RequestError, match="not a readable array of numbers"):
            open_source(path)
