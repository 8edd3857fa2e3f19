"""Parquet files as the Hugging Face Hub and Kaggle have them."""

from __future__ import annotations

import builtins
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from ddpm.data.dataset import prepare_dataset
from ddpm.data.image_source import BrokenImageError, ImageSource
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError
from ddpm.messages import join_sentences


def write(path: Path, columns: dict[str, Any], names: Sequence[str] = (), rows: int = 3) -> Path:
    """A file of a few row groups; `names`: those of a ClassLabel in the column label."""
    table = pyarrow.table(columns)
    if names:
        label = {"names": list(names), "_type": "ClassLabel"}
        features = {"image": {"_type": "Image"}, "label": label}
        content = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": content})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path, row_group_size=rows)
    return path


def hub(images: Sequence[bytes | None]) -> list[dict[str, Any]]:
    return [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(images)]


def classes(source: ImageSource) -> list[str]:
    assert source.labels is not None
    return [source.class_names[label] for label in source.labels]


def test_shards_of_the_hub_keep_names_split_and_bytes(tmp_path: Path, pictures: Any) -> None:
    made = pictures(17)
    names = ("tench", "airplane", "cat")  # the Hub's order, not the alphabet's
    root = tmp_path / "set"
    parts = {"train-00000-of-00002": range(7), "train-00001-of-00002": range(7, 12), "test-00000-of-00001":
             range(12, 17)}  # fmt: skip
    for name, rows in parts.items():
        columns = {"image": hub([made[i] for i in rows]), "label": [i % 3 for i in rows]}
        write(root / "data" / f"{name}.parquet", columns, names)
    source = open_source(root)
    assert source.kind == "parquet" and source.name == "set"
    assert [source.load(item) for item in (16, 0, 7, 11, 3)] == [made[i] for i in (16, 0, 7, 11, 3)]
    assert source.class_names == names
    assert classes(source) == [names[i % 3] for i in range(17)]
    assert list(source.test) == list(range(12, 17))
    dataset = prepare_dataset(root, cache_dir=tmp_path / "cache")
    assert (dataset.report["used"], dataset.report["held_out"]) == (12, 5)
    assert source.names[12] == "data/test-00000-of-00001/0"


@pytest.mark.parametrize(
    ("columns", "labels"),
    [
        ({"image": "bytes", "label": ["b", "a", "b", "a"]}, list("baba")),
        ({"Label": [7, 10, 7, 10], "img": "bytes"}, ["7", "10", "7", "10"]),
        ({"id": [1, 2, 3, 4], "image": "bytes"}, None),
        ({"mask": "bytes", "image": "bytes"}, None),
        ({"image": "pixels", "label": [1, 0, 1, 0]}, list("1010")),
        ({"image": "flat", "label": [1, 0, 1, 0]}, list("1010")),
        ({"image": "bytes", "label": [1, None, 1, 0]}, None),
        ({"image": "bytes", "label": [1, -1, 1, 0]}, None),
    ],
)
def test_other_columns(
    columns: Any, labels: list[str] | None, tmp_path: Path, pictures: Any
) -> None:
    made, pixels = pictures(4), np.random.default_rng(0).integers(0, 256, (4, 6, 6), np.uint8)
    values = {"bytes": made, "pixels": pixels.tolist(), "flat": pixels.reshape(4, 36).tolist()}
    whole = {k: values[v] if isinstance(v, str) else v for k, v in columns.items()}
    if "mask" in whole:
        whole["mask"] = made[::-1]
    source = open_source(write(tmp_path / "my set.parquet", whole))
    assert source.name == "my set" and len(source) == 4
    loaded = [source.load(item) for item in range(4)]
    if columns.get("image") in ("pixels", "flat"):
        assert np.array_equal(np.stack([np.asarray(x) for x in loaded])[:, 0], pixels)
    else:
        assert loaded == made
    assert (classes(source) if labels else source.labels) == labels
    is_incomplete = "label" in columns and labels is None
    assert ("no labels, because only 3 of 4" in join_sentences(source.notes)) is is_incomplete


def test_hidden_test_labels_are_left_out(tmp_path: Path, pictures: Any) -> None:
    made = pictures(6)
    write(tmp_path / "train.parquet", {"image": hub(made[:4]), "label": [0, 1, 0, 1]}, ("x", "y"))
    write(tmp_path / "test.parquet", {"image": hub(made[4:]), "label": [-1, -1]}, ("x", "y"))
    source = open_source(tmp_path)
    assert classes(source) == list("xyxy") and len(source) == 4 and not source.test
    assert "left out without a label: 2, such as test/0" in join_sentences(source.notes)


def test_rows_without_bytes_are_broken(tmp_path: Path, pictures: Any) -> None:
    source = open_source(write(tmp_path / "a.parquet", {"image": hub([*pictures(2), None])}))
    assert len(source) == 3
    with pytest.raises(BrokenImageError, match="no bytes in its row"):
        source.load(2)


def test_other_files_are_refused_in_a_sentence(tmp_path: Path, pictures: Any) -> None:
    with pytest.raises(RequestError, match=r"no column of images \(columns: text, label\)"):
        open_source(write(tmp_path / "a.parquet", {"text": ["x", "y"], "label": [0, 1]}))
    whole = write(tmp_path / "b.parquet", {"image": hub(pictures(4))}).read_bytes()
    for data in (b"", whole[:100], whole[:-4]):
        (tmp_path / "b.parquet").write_bytes(data)
        with pytest.raises(RequestError, match="damaged or truncated"):
            open_source(tmp_path / "b.parquet")


def test_a_missing_package_is_named(
    tmp_path: Path, pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.parquet", {"image": pictures(2)})
    plain = builtins.__import__

    def without_pyarrow(name: str, *args: Any, **options: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return plain(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(RequestError, match=r"needs the package pyarrow.*ddpm-studio\[hub\]"):
        open_source(path)
