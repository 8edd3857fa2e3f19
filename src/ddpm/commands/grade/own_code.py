"""The code of a hand-in without what everybody was given, as input of a similarity checker."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from ddpm.commands.bundle import NOTEBOOK, SOURCE, package_code, shipped_file
from ddpm.files import atomic_folder

_MAX_FILE = 2 << 20  # bytes
_MOST_FILES = 300
_MIN_LETTERS = 200  # without spaces; shorter files are alike by chance
_PACKAGE_SHARE = 0.8  # of the files of source/ddpm, from which it is a copy of this package
README_TEXT = """Code of the hand-ins, a folder each, without the package ddpm and without the sample code.
Nothing of it was run. To look for similar code, on this machine alone:

    dolos run -f web -l python */*.py          # https://dolos.ugent.be
    java -jar jplag.jar -l python3 .           # https://github.com/jplag/JPlag

A similarity is a reason to look, and no verdict.
"""


@dataclass(frozen=True)
class OwnCode:
    """The Python text of each file that is the student's own, and how many files are not."""

    files: Mapping[str, str] = field(default_factory=dict)
    given: int = 0  # files of the package or of the sample code

    def row(self) -> dict[str, Any]:
        """Return what the record says: the hash of each file that is long enough to compare."""
        hashes = {
            name: code_hash(text)
            for name, text in self.files.items()
            if len("".join(text.split())) >= _MIN_LETTERS
        }
        return {"hashes": hashes, "own": len(self.files), "given": self.given}


def own_code(files: Sequence[tuple[str, bytes]], known: frozenset[str]) -> OwnCode:
    """Return the .py files and notebooks of a hand-in, but for the package ddpm and `known` code."""
    copied = _package_copies([name for name, _ in files])
    given, own = 0, dict[str, str]()
    for name, content in files:
        if PurePosixPath(name).suffix.lower() not in (".py", ".ipynb"):
            continue
        text = python_text(name, content)
        if name in copied or code_hash(text) in known | shipped_code():
            given += 1
        elif text.strip() and len(own) < _MOST_FILES:
            own[name] = text
    return OwnCode(own, given)


def _package_copies(names: Sequence[str]) -> set[str]:
    """Return the files of source/ddpm that this package has, too, if they are most of that folder."""
    prefix = f"{SOURCE}/"
    there = {name for name in names if name.startswith(f"{prefix}ddpm/") and name.endswith(".py")}
    ours = there & {prefix + name for name in package_code()}
    return ours if there and len(ours) >= _PACKAGE_SHARE * len(there) else set()


def python_text(name: str, content: bytes) -> str:
    """Return the Python text of a file: of a notebook the text of its code cells."""
    text = content[:_MAX_FILE].decode("utf-8-sig", "replace")
    if not name.lower().endswith(".ipynb"):
        return text
    try:
        cells = json.loads(text)["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        return "\n\n".join("".join(source) for source in code) + "\n"
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def code_hash(text: str) -> str:
    """Return the hash of a program's text without its white space and comments of a line."""
    bare = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    return hashlib.sha256("".join(bare.split()).encode("utf-8", "replace")).hexdigest()[:16]


@cache
def shipped_code() -> frozenset[str]:
    """Return the hashes of this package's own files and of its notebook."""
    notebook = shipped_file(NOTEBOOK)
    files = {**package_code(), notebook.name: notebook.read_bytes()}
    return frozenset(code_hash(python_text(name, content)) for name, content in files.items())


def known_hashes(files: Iterable[tuple[str, bytes]]) -> frozenset[str]:
    """Return the hashes of code that everybody was given, such as the sample code."""
    programs = [(name, content) for name, content in files if name.endswith((".py", ".ipynb"))]
    return frozenset(code_hash(python_text(name, content)) for name, content in programs)


def write_code(folder: Path, code: OwnCode) -> None:
    """Write the files of one hand-in into `folder`, numbered, under names that are safe on every disk."""
    with atomic_folder(folder) as temporary:
        for number, (name, text) in enumerate(sorted(code.files.items()), 1):
            stem = re.sub(r"[^A-Za-z0-9_-]+", "_", PurePosixPath(name).stem)[:40]
            path = temporary / f"{number:03}-{stem}.py"
            path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
