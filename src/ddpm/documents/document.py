"""A document as a list of blocks: headings, paragraphs, tables, figures.

`typst_markup.py` and `markdown.py` render it. All text is literal: the renderers escape `#`, `$` or `*`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Style = Literal["plain", "strong", "emphasis", "code"]


@dataclass(frozen=True)
class Span:
    """A piece of text in one style; `link` is the address it points to."""

    text: str
    style: Style = "plain"
    link: str = ""


Spans = tuple[Span, ...]
Cell = str | Span


def spans(*parts: str | Span) -> Spans:
    """Return pieces of text as one line; strings become plain spans."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def code(text: str) -> Span:
    """Return a span of code."""
    return Span(text, "code")


def plain(line: Spans) -> str:
    """Return the text of a line without its styles."""
    return "".join(span.text for span in line)


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 3; the renderers number levels 1 and 2, and letter those of an appendix."""

    text: str
    level: int = 1
    appendix: bool = False


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of text."""

    line: Spans


@dataclass(frozen=True)
class Items:
    """A list, with bullets or numbers."""

    lines: tuple[Spans, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head.

    `align` has one letter per column: l, r or c. `commands` reproduce the numbers. `shares` are relative
    widths of the columns; 0 is as wide as the content.
    """

    caption: str
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    align: str
    commands: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class Figure:
    """One picture, or several side by side; `width` is that of a row, relative to the text.

    `labels` are printed below the pictures, one each. `shares` are relative widths of the pictures of a row.
    A floating figure is moved to the top or bottom of a page, and the text goes on around it.
    """

    caption: str
    pictures: tuple[str, ...]  # names of files beside the document, with slashes
    width: float = 1.0
    commands: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    shares: tuple[
        float, ...
    ] = ()  # also the number of pictures in a row; (): all in one, equally wide
    floating: bool = False


@dataclass(frozen=True)
class Formula:
    """A fixed formula in both notations; it never contains text of a user."""

    typst: str
    latex: str


@dataclass(frozen=True)
class Missing:
    """A notice that a result does not exist yet, and the command that creates it."""

    text: str
    command: str = ""


@dataclass(frozen=True)
class Blank:
    """A box for text that only the author can write: `label`, then a prompt."""

    label: str
    prompt: str


Block = Heading | Paragraph | Items | Table | Figure | Formula | Missing | Blank


@dataclass(frozen=True)
class Document:
    """A whole document.

    `lines` are printed below the title: the author, the student ID. `language` is a BCP 47 tag. `terms` are
    the words for table and figure, and the page footer with {n} and {total}.
    """

    title: str
    lines: tuple[str, ...]
    blocks: tuple[Block, ...]
    language: str = "en"
    terms: tuple[str, str, str] = ("Table", "Figure", "{n} / {total}")


class LabeledBlock(NamedTuple):
    """A block with its label: `2.1`, `Table 3`, `Figure 4` or an empty string."""

    label: str
    block: Block


def labeled_blocks(document: Document) -> Iterator[LabeledBlock]:
    """Yield the blocks with the labels that both renderers print."""
    table, figure, _ = document.terms
    counts = dict.fromkeys((table, figure), 0)
    number = "0"  # of the chapter; a letter in an appendix
    chapter = appendix = section = 0
    for block in document.blocks:
        label = ""
        if isinstance(block, Heading) and block.level == 1:
            chapter, appendix = chapter + (not block.appendix), appendix + block.appendix
            section, number = 0, chr(ord("@") + appendix) if block.appendix else str(chapter)
            label = number
        elif isinstance(block, Heading) and block.level == 2:
            section += 1
            label = f"{number}.{section}"
        elif isinstance(block, Table | Figure):
            term = table if isinstance(block, Table) else figure
            counts[term] += 1
            label = f"{term} {counts[term]}"
        yield LabeledBlock(label, block)


def texts(document: Document) -> Iterator[str]:
    """Yield every piece of text in the document, in order, to be checked for missing glyphs."""
    yield document.title
    yield from (*document.lines, *document.terms)
    for block in document.blocks:
        yield from _texts(block)


def _texts(block: Block) -> Iterator[str]:
    match block:
        case Heading(text):
            yield text
        case Paragraph(line):
            yield plain(line)
        case Items(lines, _):
            yield from map(plain, lines)
        case Table(caption, head, rows, _, commands):
            yield from (caption, *commands)
            yield from (cell_text(cell) for row in (head, *rows) for cell in row)
        case Figure(caption, commands=commands, labels=labels):
            yield from (caption, *commands, *labels)
        case Missing(text, command):
            yield from (text, command)
        case Blank(label, prompt):
            yield from (label, prompt)


def cell_text(cell: Cell) -> str:
    """Return the text of a table's cell."""
    return cell.text if isinstance(cell, Span) else cell


def shown_pictures(document: Document) -> list[str]:
    """Return the files that the figures show."""
    figures = [block for block in document.blocks if isinstance(block, Figure)]
    return [name for figure in figures for name in figure.pictures]
