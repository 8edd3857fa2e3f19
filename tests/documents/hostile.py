"""A document with every kind of block, and names that would break one that took them for markup."""

from __future__ import annotations

from ddpm.documents.document import (
    Blank,
    Document,
    Figure,
    Formula,
    Heading,
    Items,
    Missing,
    Paragraph,
    Span,
    Table,
    code,
    spans,
)

HOSTILE = (
    '#panic("x")',
    "$x^2$ *bold* _it_ `code`",
    "[link](http://x) <b>&amp;</b> ![](y)",
    'quote " and \\ back \\n',
    "// comment /* x */ <label> @ref ~ ^ | {} ]",
    "= heading",
    "- item",
    "1. first",
    "#!/bin/sh",
    "名字#$*",
)


def whole(picture: str, words: str = "plain") -> Document:
    """Every kind of block, `words` in each place that a user's text can reach."""
    line = spans(words, Span(words, "strong"), Span(words, "emphasis"), code(words))
    blocks = (
        Heading(words, 1),
        Heading(words, 2),
        Paragraph(line),
        Items((line, spans(Span(words, link="https://example.org/a(b)"))), numbered=True),
        Items((line,)),
        Table(words, (words, code(words)), ((words, Span(words, "strong")),), "lr", (words,)),
        Figure(words, (picture, picture), 0.4, (words,), (words, words), (1.0, 2.0), floating=True),
        Formula("x^2", "x^2"),
        Missing(words, words),
        Blank(words, words),
        Heading(words, 3),
    )
    return Document(words, (words, words), blocks, terms=("Table", "Figure", "Page {n} of {total}"))
