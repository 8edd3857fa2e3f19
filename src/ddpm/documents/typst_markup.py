"""A document as typst markup: calls of functions in `template.typ`, with all text as string literals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from ddpm.documents.document import (
    Blank,
    Block,
    Cell,
    Document,
    Figure,
    Formula,
    Heading,
    Items,
    Missing,
    Paragraph,
    Span,
    Spans,
    Table,
    cell_text,
    labeled_blocks,
)
from ddpm.documents.markdown import one_line
from ddpm.documents.typefaces import SANS, Faces

TEMPLATE = "template.typ"
PICTURES = (
    "figures"  # folder beside it; typst refuses some names that a folder of the user may have
)
_PAGE = re.compile(r"\{n\}|\{total\}")
_ALIGNED = {"l": "left", "r": "right", "c": "center"}
_LONG = 20  # characters of a word in a table; longer ones may be broken
_PIECES = re.compile(r"[^/_.=,: -]{1,12}[/_.=,: -]*|[/_.=,: -]+")


def to_typst(document: Document, faces: Faces) -> str:
    """Return the whole file; it needs `template.typ` and the pictures beside it."""
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
    body = [_block(label, block, faces) for label, block in labeled_blocks(document)]
    return "\n\n".join([*head, *body]) + "\n"


def string(text: str) -> str:
    """Return a string literal: typst interprets only the two escapes in it that are written here."""
    return _exact(one_line(text))


def _exact(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _array(items: Iterable[str]) -> str:
    """Return an array; the comma after the last item makes one item an array, too."""
    return "(" + "".join(f"{item}, " for item in items) + ")"


def _line(line: Spans) -> str:
    return _array(map(_span, line))


def _span(span: Span) -> str:
    text = string(span.text)
    styled = {"strong": f"strong({text})", "emphasis": f"emph({text})", "code": f"word({text})"}
    shown = styled.get(span.style, text)
    return f"link({string(span.link)}, {shown})" if span.link else shown


def _block(label: str, block: Block, faces: Faces) -> str:
    """Return one block with its label, such as `2.1` or `Table 3`."""
    match block:
        case Heading(text, level):
            family = _array(map(string, faces.heading(text)))
            return f"#headline({level}, {string(label)}, {string(text)}, {family})"
        case Paragraph(line):
            return f"#paragraph({_line(line)})"
        case Items(lines, ordered):
            return f"#items({_array(map(_line, lines))}, numbered: {str(ordered).lower()})"
        case Table():
            return _table(label, block, faces)
        case Figure():
            return _figure(label, block)
        case Formula(typst, _):
            return f"$ {typst} $"
        case Missing(text, command):
            return f"#missing({string(text)}, {string(command)})"
        case Blank(title, prompt):
            return f"#blank({string(title)}, {string(prompt)})"


def _figure(label: str, figure: Figure) -> str:
    shares = figure.shares or (1.0,) * len(figure.pictures)
    return (
        f"#pictures({_caption(label, figure.caption, figure.commands)}, "
        f"{_array(map(_picture, figure.pictures))}, width: {100 * figure.width:g}%, "
        f"columns: {_array(f'{share:g}fr' for share in shares)}, "
        f"names: {_array(map(string, figure.labels))}, floating: {str(figure.floating).lower()})"
    )


def _picture(name: str) -> str:
    return string(f"{PICTURES}/{PurePath(name).name}")


def _table(label: str, table: Table, faces: Faces) -> str:
    shares = table.shares or (0.0,) * len(table.head)
    widths = _array("auto" if share == 0 else f"{share:g}fr" for share in shares)
    rows = ",\n  ".join(_array(map(_cell, row)) for row in table.rows)
    return (
        f"#data-table({_caption(label, table.caption, table.commands)},\n"
        f"  columns: {widths}, align: {_array(_ALIGNED[letter] for letter in table.align)},\n"
        f"  head: {_array(_head(cell, faces) for cell in table.head)},\n  {rows},\n)"
    )


def _head(cell: Cell, faces: Faces) -> str:
    """Return a cell of the head, in the bold face if that has its characters."""
    family = _array(map(string, faces.heading(cell_text(cell))))
    return f"head-cell({_cell(cell)}, {family})"


def _cell(cell: Cell) -> str:
    """Return a cell; long words may be broken after punctuation and after every 12th character."""
    text, code = (cell.text, cell.style == "code") if isinstance(cell, Span) else (cell, False)
    if max(map(len, text.split()), default=0) <= _LONG:
        return _span(cell) if isinstance(cell, Span) else string(cell)
    pieces = _PIECES.findall(one_line(text))
    return f"broken({_array(map(string, pieces))}, code: {str(code).lower()})"


def _caption(label: str, caption: str, commands: Iterable[str]) -> str:
    return f"{string(label)}, {string(caption)}, {_array(map(string, commands))}"
