"""Images found by the names in tables."""

from __future__ import annotations

import unicodedata

import pytest

from ddpm.data.image_index import ImageIndex

NAMES = ["train/1.png", "test/1.png", "a/caf\u00e9.JPG", "a/b/2.png", "a/b/2.jpg", "cat.1.png"]


@pytest.mark.parametrize(
    ("cell", "table", "found"),
    [
        ("train/1.png", "t.csv", 0),
        ("TEST\\1.PNG", "t.csv", 1),
        ("1", "train.csv", 0),
        ("1.png", "test_labels.csv", 1),
        ("1.png", "train/labels.csv", 0),
        ("1.png", "labels.csv", None),  # either
        (unicodedata.normalize("NFD", "caf\u00e9.jpg"), "t.csv", 2),
        ("/home/me/a/b/2.jpg", "t.csv", 4),
        ("2", "t.csv", None),
        ("cat.1", "t.csv", 5),
        ("", "t.csv", None),
        ("gone.png", "t.csv", None),
    ],
)
def test_cells_name_images(cell: str, table: str, found: int | None) -> None:
    assert ImageIndex(NAMES).find(cell, table) == found
