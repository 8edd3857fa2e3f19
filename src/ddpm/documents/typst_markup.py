"""A document as typst markup: calls of `template.typ`, every text in them a string literal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import singledispatch

from ddpm.documents.document import (
    Blank,
    Cell,
    Document,
    Figure,
    Formula,
    Heading,
    Items,
    Missing,
    Numbered,
    Paragraph,
    Span,
    Spans,
    Table,
    cell_text,
    numbered,
)
from ddpm.documents.markdown import one_line
from ddpm.documents.typefaces import SANS, Faces

TEMPLATE = "template.typ"
_PAGE = re.compile(r"\{n\}|\{total\}")
_ALIGNED = {"l": "left", "r": "right", "c": "center"}
_LONG = 20  # characters of a word in a table; longer ones may be broken
_PIECES = re.compile(r"[^/_.=,: -]{1,12}[/_.=,: -]*|[/_.=,: -]+")


def to_typst(document: Document, faces: Faces) -> str:
    """The whole file; it needs `template.typ` and the pictures beside it."""
    language, _, region = document.language.partition("-")
    head = [
        f'#import "{TEMPLATE}": *',
        "#show: report.with("
        f"title: {string(document.title)}, "
        f"title-faces: {_array(map(string, faces.heading(document.title)))}, "
        f"lines: {_array(map(string, document.lines))}, "
        f"language: {string(language)}, region: {string(region) if region else 'none'}, "
        f"page-words: {_array(map(_exact, _PAGE.split(document.terms[2])))}, "
        f"bold-faces: {_array(map(string, (SANS, *faces.text)))}, "
        f"text-faces: {_array(map(string, faces.text))}, "
        f"code-faces: {_array(map(string, faces.code))})",
    ]
    body = [written(block.block, block, faces) for block in numbered(document)]
    return "\n\n".join([*head, *body]) + "\n"


def string(text: str) -> str:
    """A string literal: typst reads nothing in it but the two escapes written here."""
    return _exact(one_line(text))


def _exact(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _array(items: Iterable[str]) -> str:
    """An array, of one item as well."""
    return "(" + "".join(f"{item}, " for item in items) + ")"


def _line(line: Spans) -> str:
    return _array(map(_span, line))


def _span(span: Span) -> str:
    text = string(span.text)
    styled = {"strong": f"strong({text})", "emphasis": f"emph({text})", "code": f"word({text})"}
    shown = styled.get(span.style, text)
    return f"link({string(span.link)}, {shown})" if span.link else shown


@singledispatch
def written(block: object, numbered: Numbered, faces: Faces) -> str:
    """One block, under its label."""
    raise TypeError(f"{type(block).__name__} is no block of a document")


@written.register
def _(block: Heading, numbered: Numbered, faces: Faces) -> str:
    family = _array(map(string, faces.heading(block.text)))
    label, text = string(numbered.label), string(block.text)
    return f"#headline({block.level}, {label}, {text}, {family})"


@written.register
def _(block: Paragraph, numbered: Numbered, faces: Faces) -> str:
    return f"#paragraph({_line(block.line)})"


@written.register
def _(block: Items, numbered: Numbered, faces: Faces) -> str:
    return f"#items({_array(map(_line, block.lines))}, numbered: {str(block.numbered).lower()})"


@written.register
def _(block: Table, numbered: Numbered, faces: Faces) -> str:
    shares = block.shares or (0.0,) * len(block.head)
    widths = _array("auto" if share == 0 else f"{share:g}fr" for share in shares)
    rows = ",\n  ".join(_array(map(_cell, row)) for row in block.rows)
    return (
        f"#data-table({_caption(numbered.label, block.caption, block.commands)},\n"
        f"  columns: {widths}, align: {_array(_ALIGNED[letter] for letter in block.align)},\n"
        f"  head: {_array(_head(cell, faces) for cell in block.head)},\n  {rows},\n)"
    )


def _head(cell: Cell, faces: Faces) -> str:
    """A cell of the head, in the bold face where that has its characters."""
    family = _array(map(string, faces.heading(cell_text(cell))))
    return f"head-cell({_cell(cell)}, {family})"


def _cell(cell: Cell) -> str:
    """A cell; long words in it may be broken behind punctuation and after every 12th character."""
    text, code = (cell.text, cell.style == "code") if isinstance(cell, Span) else (cell, False)
    if max(map(len, text.split()), default=0) <= _LONG:
        return _span(cell) if isinstance(cell, Span) else string(cell)
    pieces = _PIECES.findall(one_line(text))
    return f"broken({_array(map(string, pieces))}, code: {str(code).lower()})"


def _caption(label: str, caption: str, commands: Iterable[str]) -> str:
    return f"{string(label)}, {string(caption)}, {_array(map(string, commands))}"


@written.register
def _(block: Figure, numbered: Numbered, faces: Faces) -> str:
    shown = _array(map(string, block.pictures))
    caption = _caption(numbered.label, block.caption, block.commands)
    return f"#pictures({caption}, {shown}, width: {100 * block.width:g}%)"


@written.register
def _(block: Formula, numbered: Numbered, faces: Faces) -> str:
    return f"$ {block.typst} $"


@written.register
def _(block: Missing, numbered: Numbered, faces: Faces) -> str:
    return f"#missing({string(block.text)}, {string(block.command)})"


@written.register
def _(block: Blank, numbered: Numbered, faces: Faces) -> str:
    return f"#blank({string(block.label)}, {string(block.prompt)})"
