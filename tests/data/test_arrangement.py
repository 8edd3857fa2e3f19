"""Sets with a split and labels of their own, prepared for training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data.dataset import TEST_FILES, Preparation, prepare_dataset
from ddpm.data.folder import files_below, folder_source
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError


def test_held_out_images_keep_pixels_and_labels(
    tmp_path: Path, pictures: Any, write_folder: Any
) -> None:
    """The folder test is sorted before train, but copies are dropped from it."""
    made = pictures(9)
    files = {
        f"train/{kind}/{i}.png": made[3 * (kind == "b") + i] for kind in "ab" for i in range(3)
    }
    files |= {"test/a/6.png": made[6], "test/b/7.png": made[7], "test/b/copy.png": made[0]}
    files["preview.png"] = made[8]
    dataset = prepare_dataset(write_folder(tmp_path / "set", files), cache_dir=tmp_path / "cache")
    assert dataset.heldout_reason == TEST_FILES and dataset.class_names == ("a", "b")
    counts = {key: dataset.report[key] for key in ("given", "used", "held_out", "duplicate")}
    assert counts == {"given": 9, "used": 6, "held_out": 2, "duplicate": 1}
    assert dataset.labels is not None
    assert dataset.labels[dataset.train].tolist() == [0, 0, 0, 1, 1, 1]
    assert dataset.labels[dataset.heldout].tolist() == [0, 1]
    everything = prepare_dataset(
        tmp_path / "set", Preparation(all_images=True), cache_dir=tmp_path / "cache"
    )
    assert len(everything.train) == 6  # test images stay apart, as those of MNIST


def test_a_named_column_reaches_the_data_set(
    tmp_path: Path, pictures: Any, write_folder: Any
) -> None:
    files = {f"{i}.png": data for i, data in enumerate(pictures(4))}
    files["a.csv"] = b"file,one,two\n0,x,p\n1,x,q\n2,y,p\n3,y,q\n"
    root = write_folder(tmp_path / "set", files)
    hashes = set()
    for column, names, labels in (
        ("one", ("x", "y"), [0, 0, 1, 1]),
        ("two", ("p", "q"), [0, 1] * 2),
    ):
        settings = Preparation(labels=f"file:{column}")
        dataset = prepare_dataset(root, settings, cache_dir=tmp_path / "cache")
        assert dataset.class_names == names and dataset.labels is not None
        assert dataset.labels.tolist() == labels
        hashes.add(dataset.report["content_hash"])
    assert len(hashes) == 2  # a resumed run notices other labels


def test_other_sets_have_no_table_beside_them(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(RequestError, match=r"needs image files with a table .* kind array"):
        open_source(tmp_path / "a.npy", "file:label")


def test_plain_sets_keep_their_fingerprint(tmp_path: Path, write_folder: Any) -> None:
    """So surveys and decoded images in the cache stay valid."""
    files = {f"{kind}/{i}.png": b"x" for kind in "ab" for i in range(3)}
    root = write_folder(tmp_path / "set", files)
    assert open_source(root).fingerprint == folder_source(root, files_below(root)).fingerprint
    (root / "c").mkdir()  # an empty class
    assert open_source(root).class_names == ("a", "b")
