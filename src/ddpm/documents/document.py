"""A report as a structure: headings, paragraphs, tables, figures. `markup.py` and `markdown.py` write it.

All text here is literal: a `#`, `$` or `*` in it means itself, and the writers see to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Style = Literal["plain", "strong", "emphasis", "code"]


@dataclass(frozen=True)
class Span:
    """A piece of text in one style; `link` is an address that it leads to."""

    text: str
    style: Style = "plain"
    link: str = ""


Spans = tuple[Span, ...]
Cell = str | Span


def spans(*parts: str | Span) -> Spans:
    """Pieces of text as one line; plain strings stay plain."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def code(text: str) -> Span:
    """A word of a program, in the typewriter face."""
    return Span(text, "code")


def plain(line: Spans) -> str:
    """The text alone."""
    return "".join(span.text for span in line)


@dataclass(frozen=True)
class Heading:
    """Level 1 to 3; the writers number levels 1 and 2."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    line: Spans


@dataclass(frozen=True)
class Items:
    """A list, with dots or, `numbered`, 1 to n."""

    lines: tuple[Spans, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head. `align`: one letter a column, l, r or c.

    `commands`: what makes its numbers. `shares`: relative widths; 0 is as wide as the content.
    """

    caption: str
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    align: str
    commands: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class Figure:
    """One picture, or several side by side, each `width` of the text's width."""

    caption: str
    pictures: tuple[str, ...]  # names of files beside the document, with slashes
    width: float = 1.0
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Formula:
    """A fixed formula in both notations; never made from a user's text."""

    typst: str
    latex: str


@dataclass(frozen=True)
class Missing:
    """What the report would show if it had been made, and the command that makes it."""

    text: str
    command: str = ""


@dataclass(frozen=True)
class Blank:
    """A visible box where the author has still to write: `label`, then what is asked for."""

    label: str
    prompt: str


Block = Heading | Paragraph | Items | Table | Figure | Formula | Missing | Blank


@dataclass(frozen=True)
class Document:
    """A whole report. `lines` stand below the title: the author, the number of a student.

    `terms`: what a table and a figure are called, and the foot of a page with {n} and {total}.
    """

    title: str
    lines: tuple[str, ...]
    blocks: tuple[Block, ...]
    language: str = "en"
    terms: tuple[str, str, str] = ("Table", "Figure", "{n} / {total}")


class Numbered(NamedTuple):
    """A block with its label: `2.1`, `Table 3`, `Figure 4`, or nothing."""

    label: str
    block: Block


def numbered(document: Document) -> Iterator[Numbered]:
    """The blocks with the labels that both writers print."""
    table, figure, _ = document.terms
    counts = dict.fromkeys((table, figure), 0)
    chapter = section = 0
    for block in document.blocks:
        label = ""
        if isinstance(block, Heading) and block.level == 1:
            chapter, section = chapter + 1, 0
            label = str(chapter)
        elif isinstance(block, Heading) and block.level == 2:
            section += 1
            label = f"{chapter}.{section}"
        elif isinstance(block, Table | Figure):
            term = table if isinstance(block, Table) else figure
            counts[term] += 1
            label = f"{term} {counts[term]}"
        yield Numbered(label, block)


def texts(document: Document) -> Iterator[str]:
    """Every piece of text in the document, in order: to be checked for characters without a glyph."""
    yield document.title
    yield from (*document.lines, *document.terms)
    for block in document.blocks:
        yield from _texts(block)


def _texts(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield block.text
    elif isinstance(block, Paragraph):
        yield plain(block.line)
    elif isinstance(block, Items):
        yield from map(plain, block.lines)
    elif isinstance(block, Table):
        yield from (block.caption, *block.commands)
        yield from (cell_text(cell) for row in (block.head, *block.rows) for cell in row)
    elif isinstance(block, Figure):
        yield from (block.caption, *block.commands)
    elif isinstance(block, Missing):
        yield from (block.text, block.command)
    elif isinstance(block, Blank):
        yield from (block.label, block.prompt)


def cell_text(cell: Cell) -> str:
    """The text alone of a table's cell."""
    return cell.text if isinstance(cell, Span) else cell


def pictures(blocks: Sequence[Block]) -> list[str]:
    """The files that figures show."""
    return [name for block in blocks if isinstance(block, Figure) for name in block.pictures]
