"""Images kept as one array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddpm.data.dataset import Preparation, prepare_dataset
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
    "labels", [np.zeros(3, int), np.full(4, 0.5), np.zeros((4, 2), int), np.full((4, 3), 1)]
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: Any) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=random(4, 6, 7), labels=labels)
    with pytest.raises(
        RequestError, match="must be 4 integers or names, one per image, or one-hot"
    ):
        open_source(path)


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(np.int64),
        lambda x: x.astype(np.uint16),
        lambda x: x.astype(np.float32),  # 0 … 255
        lambda x: (x / 255).astype(np.float32),
        lambda x: (x / 255 * 2 - 1).astype(np.float32),
        lambda x: (x / 255 * 2 - 1).astype(np.float16),
    ],
)
def test_other_types_are_converted_from_their_range(tmp_path: Path, convert: Any) -> None:
    images = random(5, 16, 17, 3)
    images[0, 0, :2] = [[0], [255]]  # the ends of the range
    np.save(tmp_path / "a.npy", convert(images))
    source = open_source(tmp_path / "a.npy")
    for i in range(5):
        assert np.array_equal(source.load(i), images[i].transpose(2, 0, 1))


def test_masks_become_black_and_white(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", random(4, 6, 7) > 99)
    assert set(np.unique(np.asarray(open_source(tmp_path / "a.npy").load(0)))) == {0, 255}


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((4, 6, 7), 300), "values from 300 to 300"),
        (np.full((4, 6, 7), -1), "values from -1 to -1"),
        (np.full((4, 6, 7), np.nan), "values from nan to nan"),
        (np.linspace(-2, 2, 4 * 42).reshape(4, 6, 7), "values from -2 to 2"),
        (np.full((4, 6, 7), "x"), "Pass an array of numbers"),
    ],
)
def test_values_of_no_known_range_are_refused(tmp_path: Path, array: Any, words: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(RequestError, match=words):
        open_source(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        (np.array([[9], [4], [4], [7]]), ("4", "7", "9"), [2, 0, 0, 1]),
        (np.array([9.0, 4.0, 4.0, 7.0]), ("4", "7", "9"), [2, 0, 0, 1]),
        (np.eye(3)[[2, 0, 0, 1]], ("0", "1", "2"), [2, 0, 0, 1]),
        (np.array(["b10", "b9", "b9", "cafe\u0301"]), ("b9", "b10", "caf\u00e9"), [1, 0, 0, 2]),
        (np.array([b"dog", b"cat", b"cat", b"dog"]), ("cat", "dog"), [1, 0, 0, 1]),
    ],
)
def test_labels_come_in_columns_one_hot_or_as_text(
    tmp_path: Path, labels: Any, names: tuple[str, ...], expected: list[int]
) -> None:
    np.savez(tmp_path / "a.npz", images=random(4, 6, 7), labels=labels)
    source = open_source(tmp_path / "a.npz")
    assert source.class_names == names
    assert source.labels is not None and source.labels.tolist() == expected


@pytest.mark.parametrize(
    ("keys", "test"),
    [
        (["images", "labels"], 0),
        (["arr_0", "arr_1"], 0),
        (["x_train", "y_train", "x_test", "y_test"], 3),
        (["train_images", "train_labels", "test_images", "test_labels"], 3),
        (
            [
                "train_images",
                "train_labels",
                "val_images",
                "val_labels",
                "test_images",
                "test_labels",
            ],
            6,
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_layouts_of_other_projects_keep_labels_and_split(
    tmp_path: Path, keys: list[str], test: int, suffix: str
) -> None:
    counts = [5, *[3] * (len(keys) // 2 - 1)]
    arrays = {"mu": random(9), "sigma": random(9, 9)}
    for part, count in enumerate(counts):
        arrays[keys[2 * part]] = random(count, 6, 7, 3) + np.uint8(part)
        arrays[keys[2 * part + 1]] = (np.arange(count) % 2)[:, None]
    path = tmp_path / f"a{suffix}"
    if suffix == ".npz":
        np.savez(path, **arrays)
    else:
        torch.save({key: torch.from_numpy(array) for key, array in arrays.items()}, path)
    source = open_source(path)
    images = np.concatenate([arrays[key] for key in keys[::2]]).transpose(0, 3, 1, 2)
    assert np.array_equal(np.stack([source.load(i) for i in range(len(source))]), images)
    assert list(source.test) == list(range(5, 5 + test))
    assert source.labels is not None
    assert source.labels.tolist() == [i % 2 for count in counts for i in range(count)]


def test_tensors_alone_and_in_pairs_are_sets(tmp_path: Path) -> None:
    images = torch.from_numpy(random(4, 6, 7))
    torch.save(images, tmp_path / "a.pt")
    torch.save(
        (images, torch.tensor([3, 1, 1, 3])), tmp_path / "training.pt"
    )  # torchvision's MNIST
    torch.save(images / 127.5 - 1, tmp_path / "floats.pt")
    torch.save((images / 127.5 - 1).requires_grad_(), tmp_path / "grad.pt")
    torch.save((images / 127.5 - 1).double(), tmp_path / "double.pt")
    for name in ("a.pt", "training.pt", "floats.pt", "grad.pt", "double.pt"):
        source = open_source(tmp_path / name)
        assert np.array_equal(np.stack([source.load(i) for i in range(4)]), images[:, None].numpy())
    labels = open_source(tmp_path / "training.pt").labels
    assert labels is not None and labels.tolist() == [1, 0, 0, 1]


def test_a_pickle_in_a_pt_file_does_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"images": Evil()}, tmp_path / "a.pt")
    with pytest.raises(RequestError, match="not a readable file of tensors"):
        open_source(tmp_path / "a.pt")
    assert not (tmp_path / "ran").exists()


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
    np.savez(tmp_path / "a.npz", mu=random(4, 6, 7), sigma=np.zeros(4))
    with pytest.raises(RequestError, match=r"needs the key images .* but has mu, sigma"):
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


@pytest.mark.parametrize("keys", [("X", "y"), ("images", "labels"), ("data", "target"), ("x", "y")])
def test_arrays_in_files_of_their_own(keys: tuple[str, str], tmp_path: Path) -> None:
    images, folder = random(4, 6, 7), tmp_path / "set"
    folder.mkdir()
    np.save(folder / f"{keys[0]}.npy", images)
    np.save(folder / f"{keys[1]}.npy", np.array([[7], [3], [3], [7]]))
    np.savez(tmp_path / "one.npz", **{keys[0]: images, keys[1]: np.array([7, 3, 3, 7])})
    for path in (folder, tmp_path / "one.npz"):
        source = open_source(path)
        assert np.array_equal(source.load(2), images[2][None])
        assert source.labels is not None and source.labels.tolist() == [1, 0, 0, 1]


def test_arrays_of_other_names_are_listed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", random(4, 6, 7))
    with pytest.raises(RequestError, match=r"needs the key images .* but has a, b"):
        open_source(tmp_path)


def test_16_bit_arrays_are_like_16_bit_pictures(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (5, 6, 7), dtype=np.uint16)
    values[0, 0, :2] = 0, 4095
    np.save(tmp_path / "a.npy", values.astype(">u2"))
    cache = tmp_path / "cache"
    plain = prepare_dataset(tmp_path / "a.npy", cache_dir=cache)
    assert np.array_equal(plain.images[:, 0], np.rint(values / 257).astype(np.uint8))
    assert plain.report["range"] == {"low": 0, "high": 4095, "full": 65535, "stretched": False}
    settings = Preparation(value_range="auto")
    stretched = prepare_dataset(tmp_path / "a.npy", settings, cache_dir=cache)
    exact = np.rint(values.astype(float) / 4095 * 255).astype(np.uint8)
    assert np.array_equal(stretched.images[:, 0], exact)
