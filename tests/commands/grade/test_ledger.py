"""The ledger: hashes by term, replaced when a class is graded again, and never somebody's work."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.commands.grade.ledger import ledger_row, read_ledger, write_ledger
from ddpm.errors import RequestError

RECORD = {
    "name": "0712345_hw2_2.zip",
    "key": "ab" * 8,
    "pictures": {"result_mnist.jpg": {"thumbnail": "AAAA", "pixels": "12", "cells": ["3f"], "size": [1, 2]}},
    "weights": [{"file": "w", "hash": "beef", "sketch": [0.1]}],
    "code": {"hashes": {"a.py": "cafe"}, "own": 1},
}  # fmt: skip


def test_a_row_holds_hashes_alone() -> None:
    assert ledger_row(RECORD, "2026") == {
        "format": 1,
        "term": "2026",
        "name": "0712345_hw2_2.zip (2026)",
        "key": "ab" * 8,
        "pictures": {"result_mnist.jpg": {"pixels": "12", "cells": ["3f"]}},
        "weights": [{"hash": "beef"}],
        "code": {"hashes": {"a.py": "cafe"}},
    }


def test_a_class_that_is_graded_again_replaces_its_rows_and_keeps_the_others(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.jsonl"
    assert read_ledger(path) == []
    for term in ("2025", "2026", "2026"):
        write_ledger(path, read_ledger(path), [ledger_row(RECORD, term)], term)
    assert [row["term"] for row in read_ledger(path)] == ["2025", "2026"]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 9, "name": "a", "term": ""}', "1"])
def test_another_file_is_refused_and_stays(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(text)
    with pytest.raises(RequestError, match="is not a ledger of ddpm grade"):
        read_ledger(path)
    assert path.read_text() == text
