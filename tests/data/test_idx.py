"""IDX files, plain and gzipped, whole and damaged."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data.idx import is_idx_name, read_idx
from ddpm.data.image_source import ImageSource
from ddpm.data.inspection import inspect_images
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError
from ddpm.messages import sentence

TRAIN, TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def loaded(source: ImageSource) -> Any:
    return np.stack([np.asarray(source.load(i)) for i in range(len(source))])


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_training_and_test_files_with_their_labels(
    tmp_path: Path, write_idx: Any, ending: str
) -> None:
    train, test = random(5, 4, 3), random(2, 4, 3, seed=1)
    write_idx(tmp_path / f"{TEST}{ending}", test)
    write_idx(tmp_path / f"{TRAIN}{ending}", train)
    write_idx(tmp_path / f"t10k-labels-idx1-ubyte{ending}", np.array([3, 1]))
    write_idx(tmp_path / f"train-labels-idx1-ubyte{ending}", np.array([1, 2, 3, 1, 2]))
    source = open_source(tmp_path)
    assert source.kind == "IDX files" and source.name == tmp_path.name
    assert np.array_equal(loaded(source), np.concatenate([train, test])[:, None])
    assert tuple(source.test) == (5, 6)
    assert source.labels is not None and source.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert source.class_names == ("1", "2", "3")
    assert source.names[0] == "train/0" and source.names[-1] == "test/1"


def test_a_plain_file_beside_its_gzipped_copy_is_one_file(tmp_path: Path, write_idx: Any) -> None:
    write_idx(tmp_path / TRAIN, random(5, 4, 3))
    write_idx(tmp_path / f"{TRAIN}.gz", random(5, 4, 3))
    source = open_source(tmp_path)
    assert len(source) == 5 and source.test == () and source.labels is None


def test_a_single_file_is_a_set_under_any_name(tmp_path: Path, write_idx: Any) -> None:
    write_idx(tmp_path / f"{TEST}.gz", random(3, 4, 5))
    write_idx(tmp_path / TRAIN, random(5, 4, 5))
    alone = open_source(tmp_path / f"{TEST}.gz")
    assert len(alone) == 3 and alone.test == () and alone.name == TEST
    renamed = write_idx(tmp_path / "digits.bin", random(3, 4, 5))
    assert open_source(renamed).kind == "IDX files"


def test_color_comes_in_four_dimensions(tmp_path: Path, write_idx: Any) -> None:
    images = random(3, 6, 5, 3)
    path = write_idx(tmp_path / "train-images-idx4-ubyte", images)
    assert np.array_equal(loaded(open_source(path)), images.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("train-images-idx3-ubyte", True),
        ("train-images.idx3-ubyte", True),
        ("t10k-images-idx3-ubyte.gz", True),
        ("emnist-letters-train-images-idx3-ubyte.gz", True),
        ("train-labels-idx1-ubyte", False),
        ("train-images-idx3-ubyte.zip", False),
    ],
)
def test_names_of_image_files(name: str, known: bool) -> None:
    assert is_idx_name(name) is known


def test_two_sets_in_one_folder_are_not_mixed(tmp_path: Path, write_idx: Any) -> None:
    for prefix in ("emnist-letters-", "emnist-digits-"):
        write_idx(tmp_path / f"{prefix}{TRAIN}", random(3, 4, 5))
    with pytest.raises(RequestError, match=r"several sets .* Pass one of these files"):
        open_source(tmp_path)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, write_idx: Any) -> None:
    write_idx(tmp_path / TRAIN, random(3, 4, 5))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([1, 2]))
    with pytest.raises(RequestError, match="holds 3 images but 2 labels"):
        open_source(tmp_path)
    write_idx(tmp_path / TEST, random(3, 5, 5))
    with pytest.raises(RequestError, match="different sizes"):
        open_source(tmp_path)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_file_cut_short_or_too_long_is_refused(
    tmp_path: Path, write_idx: Any, ending: str
) -> None:
    path = write_idx(tmp_path / f"{TRAIN}{ending}", random(50, 9, 9))
    data = path.read_bytes()
    longer = gzip.compress(gzip.decompress(data) + b"x") if ending else data + b"x"
    for wrong in (data[:3], data[:11], data[: len(data) // 2], data[:-9], longer):
        path.write_bytes(wrong)
        with pytest.raises(RequestError, match=r"damaged or truncated\. Download it again"):
            open_source(path).load(0)


def test_a_header_that_promises_terabytes_is_refused_before_reading(tmp_path: Path) -> None:
    header = struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**10, 2**10)
    (tmp_path / TRAIN).write_bytes(header)
    (tmp_path / TEST).write_bytes(gzip.compress(header))
    for name in (TRAIN, TEST):
        with pytest.raises(RequestError, match="damaged or truncated"):
            open_source(tmp_path / name)


def test_other_numbers_than_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / TRAIN).write_bytes(struct.pack(">HBB3I", 0, 0x0D, 3, 1, 1, 1) + bytes(4))
    with pytest.raises(RequestError, match="not an IDX file of unsigned bytes"):
        open_source(tmp_path)


@pytest.mark.real_data
def test_real_mnist_is_bit_for_bit_the_published_one(real_data: Callable[[str], Path]) -> None:
    images = read_idx(real_data("mnist") / f"{TRAIN}.gz")
    assert images.shape == (60_000, 28, 28)
    whole = struct.pack(">4I", 0x803, 60_000, 28, 28) + images.tobytes()
    assert hashlib.md5(whole).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"


def kaggle(root: Path, layout: str, write_idx: Any) -> tuple[Any, Any]:
    """MNIST-like files as Kaggle unpacks them; images [80 + 40, 9, 9] and labels [120]."""
    images, labels = [], []
    for seed, (part, count) in enumerate((("train", 80), ("t10k", 40))):
        images.append(random(count, 9, 9, seed=seed))
        labels.append(random(count, seed=seed + 2) % 10)
        for name, array in (
            (f"{part}-images-idx3-ubyte", images[-1]),
            (f"{part}-labels-idx1-ubyte", labels[-1]),
        ):
            dotted = name.replace("-idx", ".idx")
            places = {
                "nested": [f"{name}/{name}"],
                "dotted": [dotted],
                "both": [f"{name}/{name}", dotted],
                "separate": [f"{name.split('-')[1]}/{name}.gz"],
                "doubled": [f"MNIST/raw/{name}", f"MNIST/raw/{name}.gz", f"copy/{name}.gz"],
            }
            for place in places[layout]:
                (root / place).parent.mkdir(parents=True, exist_ok=True)
                write_idx(root / place, array)
    return np.concatenate(images), np.concatenate(labels)


@pytest.mark.parametrize("layout", ["nested", "dotted", "both", "separate", "doubled"])
def test_every_layout_of_kaggle_is_one_set_with_its_labels(
    layout: str, tmp_path: Path, write_idx: Any
) -> None:
    images, labels = kaggle(tmp_path, layout, write_idx)
    source = open_source(tmp_path)
    assert np.array_equal(loaded(source), images[:, None])
    assert tuple(source.test) == tuple(range(80, 120)) and source.notes == ()
    assert source.labels is not None
    assert [int(source.class_names[label]) for label in source.labels] == labels.tolist()


@pytest.mark.parametrize("given", ["train-images-idx3-ubyte", f"{TRAIN}/{TRAIN}"])
def test_one_file_of_a_nested_layout_finds_its_labels(
    given: str, tmp_path: Path, write_idx: Any
) -> None:
    images, labels = kaggle(tmp_path, "nested", write_idx)
    source = open_source(tmp_path / given)
    assert np.array_equal(loaded(source), images[:80, None]) and source.labels is not None
    assert [int(source.class_names[label]) for label in source.labels] == labels[:80].tolist()


def test_copies_that_differ_are_several_sets_and_the_given_folder_is_named(
    tmp_path: Path, write_idx: Any
) -> None:
    kaggle(tmp_path, "both", write_idx)
    write_idx(tmp_path / "train-images.idx3-ubyte", random(80, 9, 9, seed=9))
    with pytest.raises(RequestError) as caught:
        open_source(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path.resolve()} contains several sets (train-images")


def test_label_files_that_differ_are_refused(tmp_path: Path, write_idx: Any) -> None:
    kaggle(tmp_path, "nested", write_idx)
    write_idx(tmp_path / "train-labels.idx1-ubyte", random(80, seed=9) % 10)
    with pytest.raises(RequestError, match=r"several label files for train-images.* Keep one"):
        open_source(tmp_path)


def test_lost_labels_are_said(tmp_path: Path, write_idx: Any) -> None:
    kaggle(tmp_path, "dotted", write_idx)
    (tmp_path / "t10k-labels.idx1-ubyte").unlink()
    source = open_source(tmp_path)
    assert source.labels is None
    assert [sentence(note) for note in source.notes] == [
        "no labels, because no label file belongs to t10k-images.idx3-ubyte"
    ]
    rows = inspect_images(tmp_path, cache_dir=tmp_path / "cache").summary
    assert {"what": "note", "value": sentence(source.notes[0])} in rows
