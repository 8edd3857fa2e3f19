"""Typst markup: typst itself reads every string back as it was, and sets the whole document."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import typst
from PIL import Image

from ddpm.documents.document import Document, Items, Paragraph, Table, code, spans
from ddpm.documents.markdown import one_line
from ddpm.documents.typefaces import SANS, SERIF, faces
from ddpm.documents.typst_markup import string, to_typst
from ddpm.documents.typst_pdf import compile_pages
from tests.documents.hostile import HOSTILE, whole


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (60, 40), "#0072b2").save(tmp_path / "pictures" / "a.png")
    return tmp_path / "pictures"


def read_back(texts: list[str]) -> list[str]:
    """What typst takes string literals for."""
    source = f"#metadata(({', '.join(map(string, texts))},)) <all>"
    found = typst.query(source.encode(), "<all>", field="value", one=True)
    values: list[str] = json.loads(found)
    return values


def test_typst_reads_every_string_as_it_was() -> None:
    controls = "".join(map(chr, range(0x20))) + "\u2028\u202e\u200b\x7f\u0085"
    printable = "".join(chr(c) for c in range(0x20, 0x3000) if not 0xD800 <= c < 0xE000)
    texts = [*HOSTILE, controls, printable, "ends in \\", '"', '\\"', "\\u{41}", "#text", ""]
    assert read_back(texts) == [one_line(text) for text in texts]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_set_as_words(name: str, folder: Path) -> None:
    document = whole("pictures/a.png", name)
    (page,) = compile_pages(to_typst(document, faces()), folder)
    assert_page(page)


def assert_page(content: bytes) -> None:
    """A4, with something on it, but not everywhere, and nothing in the margins."""
    with Image.open(io.BytesIO(content)) as picture:
        grey = np.asarray(picture.convert("L"))
    height, width = grey.shape
    assert abs(height / width - 297 / 210) < 0.01
    ink = grey < 200
    assert 0.0005 < ink.mean() < 0.6
    margin = round(width * 20 / 210)
    assert not ink[:, :margin].any() and not ink[:, -margin:].any()


def test_headings_of_a_document_are_headings_of_the_pdf(folder: Path) -> None:
    markup = to_typst(whole("pictures/a.png", "#a"), faces())
    headings = re.findall(r"^#headline\((\d), (.*?), (.*?), ", markup, re.MULTILINE)
    assert headings == [("1", '"1"', '"#a"'), ("2", '"1.1"', '"#a"'), ("3", '""', '"#a"')]


def test_long_words_in_cells_can_be_broken_and_do_not_leave_the_page(folder: Path) -> None:
    cells = ("m" * 300, code("/a/very/long/path" * 20))
    table = Table("caption", cells, (cells, ("short", "short")), "lr", ("x" * 80,))
    document = Document("title", (), (table,))
    for page in compile_pages(to_typst(document, faces()), folder):
        assert_page(page)


def test_an_empty_document_and_single_items_are_set(folder: Path) -> None:
    blocks = (Paragraph(()), Items((spans("one"),)), Table("c", ("h",), (("x",),), "l"))
    (page,) = compile_pages(to_typst(Document("", (), blocks), faces()), folder)
    assert_page(page)


def test_chinese_is_set_in_the_bundled_faces(folder: Path) -> None:
    document = Document("以擴散模型生成影像", (), (Paragraph(spans("觀察")),), "zh-TW")
    markup = to_typst(document, faces(["Own Face"]))
    assert f'title-faces: ("{SANS}", )' in markup and 'language: "zh", region: "TW"' in markup
    assert f'text-faces: ("Libertinus Serif", "Own Face", "{SERIF}", )' in markup
    rare = to_typst(Document("龘", (), ()), faces())
    assert f'title-faces: ("Libertinus Serif", "{SERIF}", )' in rare
