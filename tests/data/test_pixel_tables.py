"""CSV tables of pixels, a row per image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError


def write(path: Path, columns: list[str], table: Any, mark: str = "") -> Path:
    lines = [",".join(columns)] if columns else []
    lines += [",".join(map(str, row)) for row in table.tolist()]
    path.write_text(mark + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def pixels(count: int, columns: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, columns))


@pytest.mark.parametrize("header", ["label first", "label last", "none", "no labels"])
@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 5, 5)])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_labels_and_pixels_are_found(
    header: str, shape: tuple[int, ...], mark: str, tmp_path: Path
) -> None:
    count = int(np.prod(shape))
    images, labels = pixels(5, count), np.array([[7], [3], [3], [7], [9]])
    names = [f"pixel{i}" for i in range(count)]
    columns, table = {
        "label first": (["label", *names], np.hstack([labels, images])),
        "label last": ([*names, "Class"], np.hstack([images, labels])),
        "none": ([], np.hstack([labels, images])),
        "no labels": (names, images),
    }[header]
    source = open_source(write(tmp_path / "train.csv", columns, table, mark))
    loaded = np.stack([np.asarray(source.load(i)) for i in range(5)])
    assert np.array_equal(loaded, images.reshape(5, *shape))
    if header == "no labels":
        assert source.labels is None
    else:
        assert source.class_names == ("3", "7", "9")
        assert source.labels is not None and source.labels.tolist() == [1, 0, 0, 1, 2]


def test_a_folder_with_one_table_is_a_set(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", [], pixels(3, 36))
    assert len(open_source(tmp_path)) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 columns"),
        ("a,b,c\n1,2,3\n", "3 columns, which are not the pixels"),
        (",".join(map(str, range(37))) + "\n1,2\n", "not a table of numbers"),
        (",".join(["1"] * 36) + "\n" + ",".join(["300"] * 36) + "\n", "values from 1 to 300"),
    ],
)
def test_other_tables_are_refused_in_a_sentence(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(RequestError, match=words):
        open_source(tmp_path / "a.csv")
