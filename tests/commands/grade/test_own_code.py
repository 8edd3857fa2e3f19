"""Own code: without the package and the sample code, under safe names, equal whatever its spaces are."""

from __future__ import annotations

import json
from pathlib import Path

from ddpm.commands.bundle import NOTEBOOK, package_code, shipped_file
from ddpm.commands.grade.own_code import (
    OwnCode,
    code_hash,
    known_hashes,
    own_code,
    python_text,
    write_code,
)

MINE = b"def mine():\n    return 1  # one\n"


def notebook(*cells: str) -> bytes:
    rows = [{"cell_type": "code", "source": [cell]} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "# a"}, *rows]}).encode()


def test_the_package_and_its_notebook_are_left_out_also_where_a_file_was_changed() -> None:
    files = [(f"source/{name}", content) for name, content in package_code().items()]
    changed = [(name, content + b"\n# changed\n") for name, content in files[:3]]
    notes = (f"source/{NOTEBOOK}", shipped_file(NOTEBOOK).read_bytes())
    code = own_code([*changed, *files[3:], notes, ("source/mine.py", MINE)], frozenset())
    assert code.files == {"source/mine.py": MINE.decode()} and code.given == len(files) + 1


def test_a_folder_of_that_name_with_other_files_is_the_students_own() -> None:
    files = [(f"source/ddpm/{i}.py", MINE) for i in range(5)]
    assert len(own_code(files, frozenset()).files) == 5


def test_known_code_is_left_out_whatever_its_spaces_and_comments_are() -> None:
    known = known_hashes([("sample.py", MINE), ("notes.txt", b"text")])
    spaced = b"# my own\ndef mine( ):\n\n  return 1  # one\n"
    code = own_code([("a.py", spaced), ("b.py", b"x = 2\n")], known)
    assert set(code.files) == {"b.py"} and code.given == 1


def test_a_notebook_is_its_code_cells_and_a_damaged_one_nothing() -> None:
    assert python_text("a.ipynb", notebook("x = 1", "y = 2")) == "x = 1\n\ny = 2\n"
    for content in (b"{", b"[]", b'{"cells": 3}', b'{"cells": [{}]}'):
        assert python_text("a.ipynb", content) == ""


def test_short_files_are_not_compared() -> None:
    long = "total = [" + "1, " * 200 + "]"
    row = OwnCode({"short.py": "x = 1", "long.py": long}).row()
    assert row == {"hashes": {"long.py": code_hash(long)}, "own": 2, "given": 0}


def test_files_are_written_under_safe_names(tmp_path: Path) -> None:
    code = OwnCode(
        {"source/../../ä b.py": "a", "source/con.ipynb": "b", "x/" + "n" * 300 + ".py": "c"}
    )
    write_code(tmp_path / "code", code)
    names = sorted(path.name for path in (tmp_path / "code").iterdir())
    assert names == ["001-_b.py", "002-con.py", f"003-{'n' * 40}.py"]
    assert list(tmp_path.iterdir()) == [tmp_path / "code"]
