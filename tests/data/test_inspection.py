"""What `ddpm data inspect` is told about a set."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data.catalogue import embedded_digits
from ddpm.data.dataset import Preparation
from ddpm.data.inspection import inspect_images
from ddpm.errors import RequestError


def test_counts_sizes_modes_classes_and_broken_files(
    tmp_path: Path, write_folder: Any, pictures: Any
) -> None:
    gray, color = pictures(3, (8, 9)), pictures(2, (30, 20), 3)
    files = {f"cats/{i}.png": p for i, p in enumerate(gray)}
    files |= {f"dogs/{i}.png": p for i, p in enumerate(color)}
    files |= {"dogs/same.png": color[0], "dogs/x.png": b"broken"}
    found = inspect_images(write_folder(tmp_path / "pets", files), cache_dir=tmp_path / "cache")
    values = {row["what"]: row["value"] for row in found.summary}
    assert (values["name"], values["kind"]) == ("pets", "folder")
    assert (values["given"], values["used"], values["duplicate"], values["broken"]) == (7, 5, 1, 1)
    assert (values["size"], values["channels"]) == ("64x64", 3)
    assert values["fit"].startswith(
        "size 64x64 (no size has a clear majority; the most frequent: 30x20"
    )
    assert len(values["mean"].split()) == len(values["std"].split()) == 3
    assert found.sizes == [{"size": "30x20", "images": 3}, {"size": "8x9", "images": 3}]
    assert found.modes == [{"mode": "L", "images": 3}, {"mode": "RGB", "images": 3}]
    assert found.classes == [{"class": "cats", "images": 3}, {"class": "dogs", "images": 3}]
    assert found.broken == [{"name": "dogs/x.png", "reason": "is not an image"}]
    assert found.samples.shape == (6, 3, 64, 64)
    rows = [found.summary, found.sizes, found.modes, found.classes, found.broken]
    assert json.loads(json.dumps(rows)) == rows


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        (["000000.tar"], "000000.tar"),
        (["a.zip", "b.TAR", "c.tgz", "d.tar.gz"], "a.zip, b.TAR, c.tgz and 1 more"),
    ],
)
def test_archives_beside_the_images_are_named(
    tmp_path: Path, write_folder: Any, pictures: Any, beside: list[str], words: str
) -> None:
    files = {f"{i}.png": p for i, p in enumerate(pictures(3))}
    root = write_folder(tmp_path / "set", {**files, **dict.fromkeys(beside, b"")})
    values = {r["what"]: r["value"] for r in inspect_images(root, cache_dir=tmp_path / "c").summary}
    assert values["used"] == 3 and values["not opened"] == words
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(root.iterdir()):
            archive.write(path, path.name)
    found = inspect_images(tmp_path / "set.zip", cache_dir=tmp_path / "c").summary
    assert {"what": "not opened", "value": words} in found


def test_of_many_sizes_and_classes_the_most_frequent_are_listed(
    tmp_path: Path, write_folder: Any, pictures: Any
) -> None:
    shapes = [(8, 8 + i) for i in range(23)] + [(8, 20)]
    files = {
        f"{i % 22:02}/{i}.png": pictures(1, shape, seed=i)[0] for i, shape in enumerate(shapes)
    }
    found = inspect_images(write_folder(tmp_path / "photos", files), cache_dir=tmp_path / "cache")
    assert len(found.sizes) == len(found.classes) == 21
    assert found.sizes[0] == {"size": "8x20", "images": 2}
    assert found.sizes[-1] == {"size": "and 3 more", "images": 3}
    assert found.classes[-1] == {"class": "and 2 more", "images": 2}
    assert sum(row["images"] for row in found.sizes) == 24


def test_the_samples_are_spread_over_the_whole_set(tmp_path: Path) -> None:
    images = np.arange(200, dtype=np.uint8).reshape(200, 1, 1).repeat(4, 1).repeat(4, 2)
    np.save(tmp_path / "a.npy", images)
    found = inspect_images(tmp_path / "a.npy", cache_dir=tmp_path / "cache")
    shades = found.samples[:, 0, 0, 0].astype(int)
    assert len(shades) == 64 and shades[0] == 0 and shades[-1] == 199
    assert set(np.diff(shades)) <= {3, 4} and type(found.samples) is np.ndarray


def test_sets_without_labels_have_no_classes_and_digits_have_ten(tmp_path: Path) -> None:
    found = inspect_images(embedded_digits(), cache_dir=tmp_path)
    assert [row["class"] for row in found.classes] == list("0123456789")
    assert sum(row["images"] for row in found.classes) == 1797
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 9, (3, 4, 4), dtype=np.uint8))
    assert inspect_images(tmp_path / "a.npy", cache_dir=tmp_path).classes == []


def test_size_and_channels_may_be_asked_for(tmp_path: Path) -> None:
    found = inspect_images(
        embedded_digits(), Preparation(size="12x10", channels=3), cache_dir=tmp_path
    )
    assert found.samples.shape == (64, 3, 12, 10)


def test_what_is_no_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="does not exist"):
        inspect_images(tmp_path / "missing", cache_dir=tmp_path)
