"""Compiling: a PDF with the same bytes each time, and one sentence where typst is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from ddpm.commands.bundle.names import pdf_fault
from ddpm.documents.typefaces import faces
from ddpm.documents.typst_markup import to_typst
from ddpm.documents.typst_pdf import compile_pdf, load_typst
from ddpm.errors import RequestError, WorkError
from tests.documents.hostile import whole


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    Image.new("L", (60, 40), 128).save(tmp_path / "pictures" / "a.png")
    return tmp_path / "pictures"


def test_a_pdf_is_a_pdf_and_the_same_one_each_time(folder: Path) -> None:
    markup = to_typst(whole("pictures/a.png"), faces())
    one, other = (compile_pdf(markup, folder) for _ in range(2))
    assert pdf_fault(one) is None
    assert one == other and b"CreationDate" not in one


def test_markup_that_typst_refuses_is_the_works_fault(folder: Path) -> None:
    with pytest.raises(WorkError, match="typst could not compile the report"):
        compile_pdf("#unknown", folder)


def test_typst_reads_nothing_outside(folder: Path) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    for path in ("../secret.txt", str(folder.parent / "secret.txt")):
        with pytest.raises(WorkError, match="could not compile"):
            compile_pdf(f'#read("{path}")', folder)


def test_without_typst_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(RequestError, match=r"pip install 'ddpm-studio\[report\]'.*report\.md"):
        load_typst()
