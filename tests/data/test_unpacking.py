"""Zips and tars of sets that are not made of image files."""

from __future__ import annotations

import gzip
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError


def packed(root: Path, target: Path) -> Path:
    """The files below `root` as a zip or tar."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(root).as_posix())
    else:
        with tarfile.open(target, "w") as tar:
            for path in files:
                tar.add(path, path.relative_to(root).as_posix())
    return target


def images(count: int, *shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_mnist(root: Path, write_idx: Any) -> None:
    root.mkdir(parents=True)
    pixels, labels = images(7, 6, 5), np.array([3, 1, 3, 1, 3, 1, 3])
    for name, rows in (("train", slice(0, 4)), ("t10k", slice(4, 7))):
        write_idx(root / f"{name}-images-idx3-ubyte.gz", pixels[rows])
        write_idx(root / f"{name}-labels-idx1-ubyte.gz", labels[rows])


def write_table(root: Path, write_idx: Any) -> None:
    root.mkdir(parents=True)
    rows = np.hstack([np.arange(5)[:, None] % 2, images(5, 36)])
    head = ",".join(["label", *(f"pixel{i}" for i in range(36))])
    lines = [",".join(map(str, row)) for row in rows.tolist()]
    (root / "train.csv").write_text("\n".join([head, *lines]), encoding="utf-8")
    (root / "sample_submission.csv").write_text("ImageId,Label\n1,0\n", encoding="utf-8")
    (root / "readme.md").write_text("", encoding="utf-8")


def write_array(root: Path, write_idx: Any) -> None:
    root.mkdir(parents=True)
    np.savez(root / "set.npz", images=images(4, 6, 5), labels=np.array([0, 1, 0, 1]))


def write_cifar(root: Path, write_idx: Any) -> None:
    (root / "cifar-10-batches-py").mkdir(parents=True)
    for name in ("data_batch_1", "test_batch"):
        content = {b"data": images(3, 3072), b"labels": [0, 1, 0]}
        (root / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(content))
    meta = {b"label_names": [b"cat", b"dog"]}
    (root / "cifar-10-batches-py" / "batches.meta").write_bytes(pickle.dumps(meta))


SETS = [write_mnist, write_table, write_array, write_cifar]


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("deeper", ["", "MNIST/raw"])
@pytest.mark.parametrize("write", SETS)
def test_a_packed_set_is_the_set(
    write: Any, deeper: str, kind: str, tmp_path: Path, write_idx: Any
) -> None:
    write(tmp_path / "plain" / deeper, write_idx)
    expected = open_source(tmp_path / "plain")
    source = open_source(packed(tmp_path / "plain", tmp_path / f"My Set.{kind}"))
    assert source.name == "My Set" and source.kind == expected.kind
    assert list(source.names) == list(expected.names)
    for item in range(len(source)):
        assert np.array_equal(source.load(item), expected.load(item))
    assert source.class_names == expected.class_names and len(source.class_names) == 2
    assert np.array_equal(source.labels, expected.labels)  # type: ignore[arg-type]
    assert list(source.test) == list(expected.test)


def test_a_zip_in_a_zip_is_named(tmp_path: Path, write_idx: Any) -> None:
    """It is not opened, since a zip may contain itself."""
    write_mnist(tmp_path / "plain", write_idx)
    (tmp_path / "outer").mkdir()
    packed(tmp_path / "plain", tmp_path / "outer" / "archive.zip")
    with pytest.raises(RequestError, match=r"no images\. Unpack it and pass the archive\.zip"):
        open_source(packed(tmp_path / "outer", tmp_path / "download.zip"))


def test_errors_name_the_archive(tmp_path: Path, write_idx: Any) -> None:
    write_mnist(tmp_path / "plain", write_idx)
    path = tmp_path / "plain" / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))
    source = open_source(packed(tmp_path / "plain", tmp_path / "mnist.zip"))
    with pytest.raises(RequestError, match=r"train-images-idx3-ubyte\.gz is damaged"):
        source.load(0)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "train.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(RequestError) as caught:
        open_source(packed(tmp_path / "bad", tmp_path / "bad.zip"))
    assert str(tmp_path / "bad.zip" / "train.csv") in str(caught.value)


def test_a_member_that_unpacks_absurdly_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set.npy", bytes(64 << 20))
    with pytest.raises(RequestError, match=r"unpacks set\.npy to 67,108,864 bytes"):
        open_source(tmp_path / "a.zip")


def test_other_formats_in_an_archive_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train.H5", "data")
    with pytest.raises(RequestError, match=r"no images\. Unpack it and pass the \.h5 file\."):
        open_source(tmp_path / "a.zip")


def test_archives_of_nothing_known_hold_no_images(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.md", "text")
    with pytest.raises(RequestError, match="contains no images"):
        open_source(tmp_path / "a.zip")
