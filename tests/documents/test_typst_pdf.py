"""Compiling: a PDF with the same bytes each time, and one sentence where typst is not installed."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.bundle.names import pdf_fault
from ddpm.documents.document import Document, Paragraph, Table, spans
from ddpm.documents.typefaces import faces
from ddpm.documents.typst_markup import to_typst
from ddpm.documents.typst_pdf import compile_pages, compile_pdf, load_typst
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


def lines_of_ink(page: bytes) -> int:
    """Return how many dark lines, of text or rules, a page has in a strip at the left of its text."""
    picture = np.asarray(Image.open(io.BytesIO(page)).convert("L"))
    dark = (picture[: int(0.93 * len(picture)), 136:200] < 110).any(axis=1)  # without the footer
    return int((dark[1:] & ~dark[:-1]).sum())


def test_a_long_table_fills_a_page_and_is_never_cut_next_to_its_ends(folder: Path) -> None:
    """However much text is above it, at least two rows stand on each of its pages."""
    rows = tuple(("m", "m") for _ in range(12))
    table = Table("m", ("m", "m"), rows, "ll", ("m",), (1.0, 1.0))
    rows_behind = []
    for above in range(24, 39, 2):
        blocks = (*[Paragraph(spans("m"))] * above, table)
        markup = to_typst(Document("m", (), blocks), faces())
        pages = compile_pages(markup, folder)
        if len(pages) == 2:
            around = 5  # three rules, the head and the command
            rows_behind.append(lines_of_ink(pages[1]) - around)
    assert len(set(rows_behind)) > 2  # the table was cut in several places
    assert all(2 <= count <= len(rows) - 3 or count in (12, 13) for count in rows_behind)


def test_without_typst_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(RequestError, match=r"pip install 'ddpm-studio\[report\]'.*report\.md"):
        load_typst()
