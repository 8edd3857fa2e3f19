"""Which of several files beside the images gives their labels."""

from __future__ import annotations

import json

from ddpm.data.file_labels import find_file_labels, first_few
from ddpm.data.image_source import ImageSource
from ddpm.messages import join_sentences

NAMES = ("1.png", "2.png", "3.png")


def source(**files: str) -> ImageSource:
    readers = {name.replace("_", "."): text.encode for name, text in files.items()}
    return ImageSource("set", "folder", NAMES, lambda item: b"", "", label_files=readers)


def table(column: str, *values: str) -> str:
    return "\n".join([f"file,{column}", *(f"{n},{v}" for n, v in zip(NAMES, values, strict=False))])


def test_dataset_json_comes_before_tables() -> None:
    both = source(a_csv=table("label", *"xyx"), dataset_json=json.dumps({"labels": [["1.png", 7]]}))
    for has_class_folders in (True, False):
        found = find_file_labels(both, "", has_class_folders)
        assert found is not None and found.labels == {0: "7"}


def test_the_table_that_knows_the_most_images_is_taken_with_others_of_its_column() -> None:
    few, many = table("label", "x", "y"), table("label", "p", "q", "p")
    found = find_file_labels(source(a_csv=few, b_csv=many, c_csv=table("breed", *"uvu")), "", False)
    assert found is not None and found.labels == {0: "p", 1: "q", 2: "p"}
    assert "classes from b.csv, a.csv, column label" in join_sentences(found.notes)
    assert find_file_labels(source(a_csv=few), "", True) is None  # class folders are preferred
    assert find_file_labels(source(), "", False) is None


def test_a_named_file_is_the_only_one_read() -> None:
    files = source(a_csv=table("label", *"xyx"), b_csv=table("label", *"pqp"))
    found = find_file_labels(files, "b.csv:label", True)
    assert found is not None and found.labels == {0: "p", 1: "q", 2: "p"}


def test_long_lists_end_in_an_ellipsis() -> None:
    assert first_few(["a", "b", "a"]) == "a, b" and first_few("abcd") == "a, b, c, …"
