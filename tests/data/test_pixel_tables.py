"""CSV tables of pixels, a row per image."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data.image_source import ImageSource
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError
from ddpm.messages import join_sentences


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


def loaded(source: ImageSource) -> Any:
    return np.stack([np.asarray(source.load(item)) for item in range(len(source))])


def classes(source: ImageSource) -> list[str]:
    assert source.labels is not None
    return [source.class_names[label] for label in source.labels]


@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize(
    "layout", ["text first", "text last", "text, no header", "with id", "numbered", "quoted"]
)
def test_tables_of_every_make(layout: str, between: str, tmp_path: Path) -> None:
    images, texts = pixels(4, 36), ["pug", "lab", "pug", "eel"]
    cells = [list(map(str, row)) for row in images.tolist()]
    names = [f"pixel{i}" for i in range(36)]
    rows = {
        "text first": [["label", *names], *([t, *c] for t, c in zip(texts, cells, strict=True))],
        "text last": [[*names, "label"], *([*c, t] for t, c in zip(texts, cells, strict=True))],
        "text, no header": [[*c, t] for t, c in zip(texts, cells, strict=True)],
        "with id": [
            ["id", "breed", *names],
            *([str(i), t, *c] for i, (t, c) in enumerate(zip(texts, cells, strict=True))),
        ],
        "numbered": [
            ["label", *map(str, range(36))],
            *([t, *c] for t, c in zip(texts, cells, strict=True)),
        ],
        "quoted": [
            ['"label"', *(f'"{i}x{j}"' for i in range(6) for j in range(6))],
            *([f'"{t}"', *(f'"{x}"' for x in c)] for t, c in zip(texts, cells, strict=True)),
        ],
    }[layout]
    text = "\r\n".join(between.join(row) for row in rows) + "\r\n\r\n"
    (tmp_path / "A.CSV").write_bytes(text.encode())
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("A.CSV", "b.csv.gz"):
        source = open_source(tmp_path / name)
        assert np.array_equal(loaded(source), images.reshape(4, 1, 6, 6))
        assert classes(source) == texts and source.class_names == ("eel", "lab", "pug")


def test_all_pixels_in_one_column_with_the_split(tmp_path: Path) -> None:
    """As in FER2013: emotion,pixels,Usage."""
    images, usage = pixels(4, 48 * 48), ["Training", "PublicTest", "Training", "PrivateTest"]
    lines = ["emotion,pixels,Usage"]
    for i, row in enumerate(images.tolist()):
        lines.append(f"{i % 2},{' '.join(map(str, row))},{usage[i]}")
    (tmp_path / "fer2013.csv").write_text("\n".join(lines), encoding="utf-8")
    source = open_source(tmp_path / "fer2013.csv")
    assert np.array_equal(loaded(source), images[[0, 2, 1, 3]].reshape(4, 1, 48, 48))
    assert classes(source) == ["0", "0", "1", "1"] and list(source.test) == [2, 3]


@pytest.mark.parametrize("test_has_labels", [True, False])
def test_kaggles_tables_are_one_set(test_has_labels: bool, tmp_path: Path) -> None:
    images, labels = pixels(7, 36), np.arange(7)[:, None] % 3
    names = [f"pixel{i}" for i in range(36)]
    write(tmp_path / "mnist_train.csv", ["label", *names], np.hstack([labels, images])[:4])
    if test_has_labels:
        write(tmp_path / "mnist_test.csv", ["label", *names], np.hstack([labels, images])[4:])
    else:
        write(tmp_path / "test.csv", names, images[4:])
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n2,0\n", encoding="utf-8")
    source = open_source(tmp_path)
    count = 7 if test_has_labels else 4
    assert np.array_equal(loaded(source), images[:count].reshape(-1, 1, 6, 6))
    assert classes(source) == [str(i % 3) for i in range(count)]
    assert list(source.test) == list(range(4, count))
    said = join_sentences(source.notes)
    assert said == ("" if test_has_labels else "left out without a label: 3, such as test.csv/0")


def test_several_tables_of_one_kind_are_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name, [], pixels(3, 36))
    with pytest.raises(RequestError, match=r"several tables of pixels \(a.csv, b.csv\)"):
        open_source(tmp_path)
