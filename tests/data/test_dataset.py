"""From a path to images, labels, a training set and a holdout."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.data import dataset as module
from ddpm.data.catalogue import embedded_digits
from ddpm.data.dataset import Dataset, Preparation, parse_size, prepare_dataset
from ddpm.errors import RequestError
from ddpm.messages import sentence


@pytest.fixture
def get(tmp_path: Path) -> Any:
    def run(path: Path, **options: Any) -> Dataset:
        return prepare_dataset(path, Preparation(**options), cache_dir=tmp_path / "cache")

    return run


def contents(dataset: Dataset, rows: Any) -> set[bytes]:
    return {dataset.images[row].tobytes() for row in rows}


def check(dataset: Dataset) -> None:
    """What holds for every set."""
    report = dataset.report
    parts = [report[key] for key in ("used", "held_out", "duplicate", "broken")]
    assert report["given"] == sum(parts)
    assert report["used"] == len(dataset.train) and report["held_out"] == len(dataset.heldout)
    assert not set(dataset.train) & set(dataset.heldout)
    assert not contents(dataset, dataset.train) & contents(dataset, dataset.heldout)
    assert dataset.images.dtype == np.uint8 and dataset.images.ndim == 4
    assert json.loads(json.dumps(report)) == report
    pixels = dataset.images[dataset.train] / 255
    np.testing.assert_allclose(report["mean"], pixels.mean((0, 2, 3)), atol=1e-12)
    np.testing.assert_allclose(report["std"], pixels.std((0, 2, 3)), atol=1e-9)


# ---- the set nobody tuned for


def test_a_folder_of_anything_is_ready_without_a_flag(
    tmp_path: Path, write_folder: Any, encode: Any, get: Any
) -> None:
    """Odd sizes, accents and spaces, every mode, a broken file, a duplicate."""
    rng = np.random.default_rng(0)
    color = rng.integers(0, 256, (45, 33, 3), dtype=np.uint8)
    rgba = Image.fromarray(rng.integers(0, 256, (45, 33, 4), dtype=np.uint8))
    wide = rng.integers(0, 65536, (45, 33), dtype=np.uint16)
    gray = Image.fromarray(rng.integers(0, 256, (90, 66), dtype=np.uint8))
    files = {
        "été à la mer/ein Bild.png": encode(color),
        "été à la mer/copy.bmp": encode(color, "BMP"),
        "b/rgba.png": encode(rgba),
        "b/16 bit.tiff": encode(wide, "TIFF"),
        "b/gray.JPG": encode(gray, "JPEG"),
        "b/palette.gif": encode(gray.convert("P"), "GIF"),
        "b/print.jpeg": encode(Image.new("CMYK", (100, 60), (9, 99, 9, 9)), "JPEG"),
        "b/broken.png": encode(color)[:200],
        "b/dot.png": encode(np.zeros((1, 1), dtype=np.uint8)),
        "b/notes.txt": b"no picture",
    }
    dataset = get(write_folder(tmp_path / "ein Ordner", files))
    check(dataset)
    assert dataset.name == "ein Ordner" and dataset.images.shape == (7, 3, 45, 33)
    report = dataset.report
    assert (report["given"], report["used"], report["duplicate"], report["broken"]) == (9, 6, 1, 2)
    assert (report["size"], report["channels"], report["kind"]) == ("45x33", 3, "folder")
    reasons = {entry["name"]: entry["reason"] for entry in report["broken_files"]}
    assert set(reasons) == {"b/broken.png", "b/dot.png"}
    assert reasons["b/dot.png"] == "is too small (1x1 pixels)"
    assert dataset.class_names == ("b", "été à la mer") and dataset.labels is not None
    assert dataset.labels.tolist() == [0] * 5 + [1] * 2
    assert dataset.heldout_reason == {"code": "heldout_too_few", "fewest": 50}


def test_the_same_set_comes_from_folder_zip_and_array(
    tmp_path: Path, write_folder: Any, encode: Any, get: Any
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
    files = {f"{i % 3}/{i}.png": encode(image[0]) for i, image in enumerate(images)}
    order = sorted(range(60), key=lambda i: (i % 3, i))
    np.savez(tmp_path / "a.npz", images=images[order], labels=[i % 3 for i in order])
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    sets = [
        get(write_folder(tmp_path / "c", files)),
        get(tmp_path / "b.zip"),
        get(tmp_path / "a.npz"),
    ]
    for dataset in sets:
        check(dataset)
        assert np.array_equal(dataset.images, images[order])
        assert dataset.labels is not None and dataset.labels.tolist() == [i % 3 for i in order]
        assert dataset.class_names == ("0", "1", "2")
    folder, packed, _ = sets
    assert np.array_equal(folder.heldout, packed.heldout)
    assert folder.report["content_hash"] == packed.report["content_hash"]


def test_labels_stay_with_their_images_when_some_are_broken(
    tmp_path: Path, write_folder: Any, pictures: Any, get: Any
) -> None:
    good = pictures(4)
    files = {
        "a/1.png": good[0],
        "a/2.png": b"",
        "b/1.png": good[1],
        "c/1.png": b"",
        "c/2.png": good[2],
    }
    dataset = get(write_folder(tmp_path / "s", files))
    assert dataset.labels is not None and dataset.labels.tolist() == [0, 1, 2]


# ---- size and channels


@pytest.mark.parametrize(
    ("text", "size"),
    [(28, (28, 28)), ("28", (28, 28)), ("45x33", (45, 33)), (" 45X33 ", (45, 33)), ("auto", None)],
)
def test_sizes_are_read(text: Any, size: Any) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "big", "0", "1", "-3", "28x", "x28", "28x28x3", "2.5", "9999999", "64x1025"]
)
def test_other_sizes_are_refused_with_the_mend(text: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="Use auto, a number such as 64 or HxW such as 45x33"):
        prepare_dataset(tmp_path / "not even looked at", Preparation(size=text), cache_dir=tmp_path)


def test_other_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="Use 1, 3 or auto"):
        prepare_dataset(tmp_path, Preparation(channels=2), cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("channels", "options", "shape"),
    [
        (3, {}, (3, 8, 8)),
        (3, {"channels": 1}, (1, 8, 8)),
        (1, {"size": "5x6"}, (1, 5, 6)),
        (1, {"size": 16, "channels": 3}, (3, 16, 16)),
        (1, {"channels": "auto", "size": "auto"}, (1, 8, 8)),
    ],
)
def test_size_and_channels_are_what_was_asked(
    tmp_path: Path,
    write_folder: Any,
    pictures: Any,
    get: Any,
    channels: int,
    options: Any,
    shape: Any,
) -> None:
    files = {f"{i}.png": p for i, p in enumerate(pictures(4, channels=channels))}
    dataset = get(write_folder(tmp_path / "s", files), **options)
    assert dataset.images.shape == (4, *shape) and dataset.report["channels"] == shape[0]


# ---- holdout


def numbered(count: int) -> Any:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 1, 4, 4), dtype=np.uint8)


def from_array(get: Any, tmp_path: Path, images: Any, **options: Any) -> Dataset:
    np.save(tmp_path / "images.npy", images)
    dataset: Dataset = get(tmp_path / "images.npy", **options)
    check(dataset)
    return dataset


@pytest.mark.parametrize(
    ("count", "least", "most"), [(49, 0, 0), (50, 1, 5), (51, 1, 5), (2000, 20, 62)]
)
def test_about_two_percent_are_held_out_of_fifty_and_more(
    get: Any, tmp_path: Path, count: int, least: int, most: int
) -> None:
    dataset = from_array(get, tmp_path, numbered(count))
    assert least <= len(dataset.heldout) <= most  # 3.4 standard deviations
    expected = "2 % by content hash" if least else "none, fewer than 50 images"
    assert sentence(dataset.heldout_reason) == expected


def test_the_holdout_is_bounded(get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._MAX_HELDOUT == 500
    free = from_array(get, tmp_path, numbered(1000))
    monkeypatch.setattr(module, "_MAX_HELDOUT", 9)
    bounded = from_array(get, tmp_path, numbered(1000))
    assert len(bounded.heldout) == 9 and set(bounded.heldout) < set(free.heldout)


def test_the_holdout_stays_when_images_are_added_or_reordered(get: Any, tmp_path: Path) -> None:
    images = numbered(2000)
    few = from_array(get, tmp_path, images[:1200])
    many = from_array(get, tmp_path, images[::-1])
    old = contents(few, range(1200))
    assert contents(few, few.heldout) == contents(many, many.heldout) & old
    assert len(few.heldout) < len(many.heldout)


def test_the_holdout_is_the_same_at_every_size_and_in_gray(
    tmp_path: Path, write_folder: Any, pictures: Any, get: Any
) -> None:
    files = {f"{i}.png": p for i, p in enumerate(pictures(120, channels=3))}
    root = write_folder(tmp_path / "s", files)
    whole = get(root)
    for other in (get(root, size=5), get(root, channels=1)):
        assert np.array_equal(whole.heldout, other.heldout)


def test_duplicates_are_dropped_wherever_they_lie(get: Any, tmp_path: Path) -> None:
    images = numbered(100)
    dataset = from_array(get, tmp_path, np.concatenate([images, images[::-1], images[:7]]))
    assert dataset.report["duplicate"] == 107 and len(dataset.images) == 207
    assert set(dataset.train) | set(dataset.heldout) == set(range(100))  # the first of each


def test_all_images_holds_nothing_out_and_keeps_duplicates(get: Any, tmp_path: Path) -> None:
    images = numbered(100)
    dataset = from_array(get, tmp_path, np.concatenate([images, images]), all_images=True)
    assert dataset.train.tolist() == list(range(200)) and len(dataset.heldout) == 0
    assert dataset.report["duplicate"] == 0
    assert dataset.heldout_reason == {"code": "heldout_none"}


def test_idx_sets_hold_out_their_test_files(tmp_path: Path, write_idx: Any, get: Any) -> None:
    images = numbered(70)[:, 0]
    root = tmp_path / "mnist"
    root.mkdir()
    write_idx(root / "train-images-idx3-ubyte", np.concatenate([images[:60], images[:1]]))
    write_idx(root / "t10k-images-idx3-ubyte", np.concatenate([images[59:], images[65:66]]))
    dataset = get(root)
    check(dataset)
    assert dataset.heldout_reason == {"code": "test_files"} and dataset.name == "mnist"
    assert dataset.train.tolist() == list(range(60))
    # 61 training files; the first test image is one of them, the last is there twice
    assert dataset.heldout.tolist() == list(range(62, 72))
    assert dataset.report["duplicate"] == 3
    everything = get(root, all_images=True)
    assert everything.train.tolist() == list(range(61)) and len(everything.heldout) == 0
    assert everything.report["given"] == 61 and everything.report["duplicate"] == 0


# ---- too little


def test_fewer_than_two_different_images_are_refused(
    tmp_path: Path, write_folder: Any, pictures: Any, get: Any
) -> None:
    one, two = pictures(2)
    root = write_folder(tmp_path / "s", {"1.png": one, "2.png": b"broken"})
    with pytest.raises(
        RequestError, match=r"one usable image \(2.png is not an image\)\. Pass at least two"
    ):
        get(root)
    (root / "2.png").write_bytes(one)
    with pytest.raises(
        RequestError, match=r"holds 2 images that are all equal\. Pass at least two different"
    ):
        get(root)
    assert len(get(root, all_images=True).train) == 2
    (root / "2.png").write_bytes(two)
    assert len(get(root).train) == 2


def test_wrong_requests_write_nothing(tmp_path: Path, write_folder: Any) -> None:
    text = write_folder(tmp_path / "text", {"a.txt": b"1"})
    for path in (text, tmp_path / "missing", text / "a.txt"):
        with pytest.raises(RequestError):
            prepare_dataset(path, cache_dir=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


# ---- sets people know


def test_the_embedded_digits(get: Any) -> None:
    dataset = get(embedded_digits())
    check(dataset)
    assert dataset.images.shape == (1797, 1, 8, 8) and dataset.class_names == tuple("0123456789")
    assert dataset.report["duplicate"] == 0 and 18 <= len(dataset.heldout) <= 56
    assert abs(dataset.report["mean"][0] - 4.884 / 16) < 0.005  # the published mean count


@pytest.mark.real_data
def test_real_mnist(get: Any, real_data: Any) -> None:
    dataset = get(real_data("mnist"))
    assert dataset.images.shape == (70_000, 1, 28, 28)
    assert (len(dataset.train), len(dataset.heldout)) == (60_000, 10_000)
    assert dataset.report["mean"] == [pytest.approx(0.1307, abs=5e-5)]
    assert dataset.report["std"] == [pytest.approx(0.3081, abs=5e-5)]
    assert dataset.labels is not None and dataset.labels[:5].tolist() == [5, 0, 4, 1, 9]


@pytest.mark.real_data
def test_real_faces(get: Any, real_data: Any) -> None:
    dataset = get(real_data("anime"))
    assert dataset.images.shape[1:] == (3, 64, 64) and dataset.labels is None
    assert dataset.report["given"] == len(dataset.images) and dataset.report["broken"] == 0
    np.testing.assert_allclose(dataset.report["mean"], [0.68, 0.58, 0.57], atol=0.03)
