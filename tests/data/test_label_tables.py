"""Classes in files beside the images: CSV tables of every make, and dataset.json."""

from __future__ import annotations

import json
import unicodedata
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ddpm.data.image_source import ImageSource
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError
from ddpm.messages import join_sentences

NAMES = ["img1.png", "img2.png", "img3.JPG", "sub/img4.png", "sub/café.png"]
BREEDS = ["pug", "pug", "lab", "lab", "pug"]


def write(root: Path, table: str | bytes, name: str = "labels.csv", names: Any = NAMES) -> Path:
    for image in names:
        (root / image).parent.mkdir(parents=True, exist_ok=True)
        (root / image).write_bytes(image.encode())
    (root / name).write_bytes(table.encode() if isinstance(table, str) else table)
    return root


def classes(source: ImageSource) -> dict[str, str]:
    assert source.labels is not None, join_sentences(source.notes)
    return {
        name: source.class_names[label]
        for name, label in zip(source.names, source.labels, strict=True)
    }


def rows(*columns: list[str], head: str = "", between: str = ",", end: str = "\n") -> str:
    lines = [head] if head else []
    lines += [between.join(row) for row in zip(*columns, strict=True)]
    return end.join(lines) + end


WINDOWS = [f"C:\\data\\{name}".replace("/", "\\") for name in NAMES]
STEMS = [name.rpartition("/")[2].rpartition(".")[0] for name in NAMES]
NUMBERS = ["0", "0", "11", "11", "0"]


@pytest.mark.parametrize(
    "table",
    [
        rows(NAMES, BREEDS, head="file,breed"),
        rows(BREEDS, NAMES, head="label,image"),
        rows(STEMS, BREEDS, head="id,breed"),  # as on Kaggle
        rows(NAMES, BREEDS),  # no header
        rows(NAMES, BREEDS, head="image;label", between=";"),
        rows(NAMES, BREEDS, head="image\tlabel", between="\t"),
        rows(NAMES, BREEDS, head="Image,Class", end="\r\n"),
        "\ufeff" + rows(NAMES, BREEDS, head="image,label"),
        rows(NAMES, BREEDS, head="image,label").encode("utf-16"),
        rows(NAMES, BREEDS, head="image,label").encode("cp1252"),
        unicodedata.normalize("NFD", rows(NAMES, BREEDS, head="image,label")),
        rows(WINDOWS, BREEDS, head="path,label"),
        rows([f"./{name.upper()}" for name in NAMES], BREEDS, head="path,label"),
        rows([f"/home/me/{name}" for name in NAMES], BREEDS, head="path,label"),
        rows([name.replace(".png", ".tif") for name in NAMES], BREEDS, head="path,label"),
        rows(NAMES, BREEDS, head="path,label") + rows(NAMES[:2], BREEDS[:2]) + "gone.png,cat\n\n",
        rows(NAMES, list("abcde"), BREEDS, head="path,owner,label"),
        rows(
            NAMES, [f'"{b}"' for b in BREEDS], [f"{i}.5" for i in range(5)], head="path,breed,age"
        ),
        rows(NAMES, BREEDS, ["train"] * 4 + ["test"], head="path,what,split"),
    ],
)
def test_columns_are_found_in_tables_of_every_make(table: str | bytes, tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "set", table))
    assert classes(source) == dict(zip(NAMES, BREEDS, strict=True))
    assert source.class_names == ("lab", "pug")
    assert "classes from labels.csv, column" in join_sentences(source.notes)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted((tmp_path / "set").rglob("*.*")):
            archive.write(path, path.relative_to(tmp_path / "set").as_posix())
    (tmp_path / "set.zip").write_bytes(packed.getvalue())
    assert classes(open_source(tmp_path / "set.zip")) == classes(source)


def test_the_column_may_be_named(tmp_path: Path) -> None:
    table = rows(NAMES, BREEDS, NUMBERS, head="path,color,Number of it")
    root = write(tmp_path / "set", table)
    said = join_sentences(open_source(root).notes)
    assert open_source(root).labels is None
    assert "labels.csv has several columns (color, Number of it)" in said
    assert "set data.labels=file:COLUMN" in said
    for column in ("file:color", "labels.csv:color", "LABELS.csv:Color"):
        assert classes(open_source(root, column)) == dict(zip(NAMES, BREEDS, strict=True))
    numbered = open_source(root, "file:Number of it")
    assert classes(numbered) == dict(zip(NAMES, NUMBERS, strict=True))
    assert numbered.class_names == ("0", "11")
    with pytest.raises(RequestError, match=r"labels.csv \(path, color, Number of it\)"):
        open_source(root, "file:size")
    with pytest.raises(RequestError, match="no table names its images"):
        open_source(root, "other.csv:breed")
    (root / "labels.csv").unlink()
    with pytest.raises(RequestError, match=r"needs a \.csv or \.tsv in set"):
        open_source(root, "file:breed")


def test_a_headless_column_is_named_by_its_number(tmp_path: Path) -> None:
    root = write(tmp_path / "set", rows(NAMES, BREEDS, NUMBERS))
    assert classes(open_source(root, "file:3")) == dict(zip(NAMES, NUMBERS, strict=True))


def test_json_lines_are_a_table(tmp_path: Path) -> None:
    """As in the Hub's ImageFolder: metadata.jsonl."""
    lines = [json.dumps({"file_name": n, "label": b}) for n, b in zip(NAMES, BREEDS, strict=True)]
    source = open_source(write(tmp_path / "set", "\n".join(lines), "metadata.jsonl"))
    assert classes(source) == dict(zip(NAMES, BREEDS, strict=True))


def test_a_table_beside_the_only_archive(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with zipfile.ZipFile(tmp_path / "set" / "train.zip", "w") as archive:
        for name in NAMES:
            archive.writestr(name, name)
    (tmp_path / "set" / "train_labels.csv").write_text(rows(STEMS, BREEDS, head="id,breed"))
    assert classes(open_source(tmp_path / "set")) == dict(zip(NAMES, BREEDS, strict=True))


def test_one_hot_columns_are_classes(tmp_path: Path) -> None:
    bits = [["1.0" if breed == name else "0.0" for breed in BREEDS] for name in ("lab", "pug")]
    root = write(tmp_path / "set", rows(STEMS, *bits, head="image,lab,pug"))
    assert classes(open_source(root)) == dict(zip(NAMES, BREEDS, strict=True))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (rows(["a", "b", "c"], ["1", "2", "1"], head="name,label"), ""),  # of other images
        (rows(NAMES, list("abcde"), head="name,caption"), ""),  # no value repeats
        (rows(NAMES, ["0.5", "0.7", "0.5", "0.7", "0.5"], head="name,score"), ""),
        (rows(NAMES, ["1"] * 5, head="name,label"), ""),
        (rows(NAMES * 2, BREEDS + BREEDS[::-1], head="name,label"), "several values of label"),
        (rows(NAMES[:2], ["x", "y"], head="name,label"), "only 2 of 5 images have one"),
        ("", ""),
        ("just text\nof one column\n", ""),
    ],
)
def test_other_tables_give_no_classes(table: str, said: str, tmp_path: Path) -> None:
    names = [f"pics/{name.rpartition('/')[2]}" for name in NAMES]
    source = open_source(write(tmp_path / "set", table, names=names))
    assert source.labels is None and len(source) == 5
    assert said in join_sentences(source.notes)


def test_a_named_column_with_contradictions_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "set", rows(NAMES * 2, BREEDS + BREEDS[::-1], head="name,label"))
    with pytest.raises(
        RequestError, match=r"gives img3|gives .* several classes in the column label"
    ):
        open_source(root, "file:label")


def test_images_that_the_table_does_not_know_are_left_out(tmp_path: Path) -> None:
    root = write(tmp_path / "set", rows(NAMES[:4], BREEDS[:4], head="name,label"))
    source = open_source(root)
    assert classes(source) == dict(zip(NAMES[:4], BREEDS[:4], strict=True))
    assert "left out without a label: 1, such as sub/café.png" in join_sentences(source.notes)


def test_images_without_a_label_stay_if_no_labels_are_learned(tmp_path: Path) -> None:
    root = write(tmp_path / "set", rows(NAMES[:4], BREEDS[:4], head="name,label"))
    source = open_source(root, "none")
    assert len(source) == 5 and source.labels is None
    assert "4 of 5 images have a label; data.labels=true learns these alone" in join_sentences(
        source.notes
    )
    (root / "labels.csv").write_text(rows(NAMES, BREEDS, head="name,label"), encoding="utf-8")
    assert open_source(root, "none").class_names == ("lab", "pug")  # complete: named, not learned


def test_tables_of_train_and_test_with_the_same_names(tmp_path: Path) -> None:
    names = [f"{part}/{i}.png" for part in ("train", "test") for i in range(4)]
    root = write(tmp_path / "set", "id,label\n0,a\n1,b\n2,a\n3,b\n", "train.csv", names)
    (root / "test.csv").write_text("id,label\n0,b\n1,b\n2,a\n3,a\n", encoding="utf-8")
    (root / "sample_submission.csv").write_text("id,label\n0,z\n1,z\n2,z\n3,z\n", encoding="utf-8")
    source = open_source(root)
    assert list(classes(source).values()) == list("ababbbaa")
    assert [source.names[i] for i in source.test] == names[4:]


def test_class_folders_are_preferred_to_a_table_that_is_not_named(tmp_path: Path) -> None:
    names = ["a/1.png", "a/2.png", "b/3.png", "b/4.png"]
    root = write(tmp_path / "set", rows(names, list("xyxy"), head="name,label"), names=names)
    assert open_source(root).class_names == ("a", "b")
    assert open_source(root, "file:label").class_names == ("x", "y")


def test_the_fingerprint_follows_the_labels(tmp_path: Path) -> None:
    """Surveys are cached under it, and their hashes cover the labels."""
    root = write(tmp_path / "set", rows(NAMES, BREEDS, NUMBERS, head="name,label,number"))
    names, plain = open_source(root), tmp_path / "plain"
    write(plain, "")
    assert len({open_source(root, c).fingerprint for c in ("", "file:label")}) == 1  # equal labels
    (root / "labels.csv").write_text(rows(NAMES, BREEDS[::-1], head="name,label"), encoding="utf-8")
    assert open_source(root).fingerprint != names.fingerprint


# ---- dataset.json

SHARDS = [f"0000{i // 2}/img0000000{i}.png" for i in range(4)]


@pytest.mark.parametrize("folder", ["", "deep/"])
@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([3, 10, 3, 10], ["3", "10", "3", "10"]),
        (["dog", "cat", "dog", "cat"], ["dog", "cat", "dog", "cat"]),
        ([[0, 1], [1, 0], [0, 1], [1, 0]], ["1", "0", "1", "0"]),
        ([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], ["1", "0", "1", "0"]),
        ([1.0, 2.0, 1.0, 2.0], ["1", "2", "1", "2"]),
    ],
)
def test_labels_of_edm_and_stylegan(
    labels: list[Any], expected: list[str], folder: str, tmp_path: Path
) -> None:
    content = json.dumps({"labels": list(zip(SHARDS, labels, strict=True))})
    names = [folder + name for name in SHARDS]
    source = open_source(write(tmp_path / "set", content, f"{folder}dataset.json", names))
    assert list(classes(source).values()) == expected
    assert len(source.class_names) == 2


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, "numbered parts"),
        ([[SHARDS[0], None]], "numbered parts"),
        (
            [[name, [0.3, 0.7]] for name in SHARDS],
            "those in dataset.json are vectors and not classes",
        ),
        ([[name, [1, 1]] for name in SHARDS], "those in dataset.json are vectors and not classes"),
        ([[SHARDS[0], 1]], "numbered parts"),
        ("text", "numbered parts"),
        ([1, 2], "numbered parts"),
    ],
)
def test_other_labels_are_no_classes(labels: Any, said: str, tmp_path: Path) -> None:
    names = [f"{1000 * i:05d}/{1000 * i + j}.png" for i in range(2) for j in range(2)]
    content = json.dumps({"labels": labels}).replace(SHARDS[0], names[0])
    for old, new in zip(SHARDS, names, strict=True):
        content = content.replace(old, new)
    source = open_source(write(tmp_path / "set", content, "dataset.json", names))
    assert source.labels is None and len(source) == 4
    assert said in join_sentences(source.notes)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_damaged_dataset_json_is_no_label_file(content: bytes, tmp_path: Path) -> None:
    assert open_source(write(tmp_path / "set", content, "dataset.json")).class_names == (
        "set",
        "sub",
    )
