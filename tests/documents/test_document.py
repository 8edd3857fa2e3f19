"""The structure of a report: what is numbered, and that no text is forgotten."""

from __future__ import annotations

from ddpm.documents.document import (
    Document,
    Figure,
    Heading,
    Table,
    labeled_blocks,
    shown_pictures,
    texts,
)
from tests.documents.hostile import whole


def test_headings_tables_and_figures_are_numbered_each_by_itself() -> None:
    table, figure = Table("t", ("a",), (("b",),), "l"), Figure("f", ("x.png",))
    blocks = (
        Heading("A"), Heading("a", 2), table, figure, Heading("b", 2), Heading("B"),
        Heading("c", 2), Heading("deep", 3), figure, table, figure,
    )  # fmt: skip
    document = Document("title", (), blocks, terms=("Tab", "Fig", ""))
    assert [n.label for n in labeled_blocks(document)] == [
        "1", "1.1", "Tab 1", "Fig 1", "1.2", "2", "2.1", "", "Fig 2", "Tab 2", "Fig 3",
    ]  # fmt: skip


def test_appendices_have_letters_after_the_numbered_chapters() -> None:
    blocks = (
        Heading("a"),
        Heading("b", appendix=True),
        Heading("c", 2),
        Heading("d", appendix=True),
    )
    document = Document("title", (), blocks)
    assert [label for label, _ in labeled_blocks(document)] == ["1", "A", "A.1", "B"]


def test_every_text_is_found_wherever_it_stands() -> None:
    document = whole("pictures/a.png", "✓")
    places = repr((document.title, document.lines, document.blocks)).count("✓")
    assert sum(text.count("✓") for text in texts(document)) == places
    assert shown_pictures(document) == ["pictures/a.png"] * 2
