"""A document as Markdown (GitHub's), every text of it literal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
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
    numbered,
)

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|$~!&^])")
_OPENINGS = re.compile(r"^(\s*)([-+=]|\d+(?=[.)](?:\s|$)))")  # of a list, a rule or a heading
_ALIGNED = {"l": ":---", "r": "---:", "c": ":---:"}


def to_markdown(document: Document) -> str:
    """The whole file."""
    parts = [f"# {literal(document.title)}"]
    parts += ["  \n".join(literal(line) for line in document.lines)] if document.lines else []
    parts += [written(block.block, block) for block in numbered(document)]
    return "\n\n".join(parts) + "\n"


def literal(text: str) -> str:
    """`text` on one line, such that Markdown shows it as it is."""
    marked = _escaped(text)
    opened = _OPENINGS.match(marked)
    if opened is None:
        return marked
    end = opened.end()
    if opened[2].isdigit():
        return f"{marked[:end]}\\{marked[end:]}"
    return f"{opened[1]}\\{marked[len(opened[1]) :]}"


def _escaped(text: str) -> str:
    """The same inside a line, where nothing opens a list."""
    return _MARKS.sub(r"\\\1", one_line(text))


def one_line(text: str) -> str:
    """Without line breaks, control characters and characters that turn the direction of text."""
    spaced = re.sub(r"\s+", " ", text)
    return "".join(c for c in spaced if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def code_span(text: str) -> str:
    """`text` between as many backticks as it needs."""
    line = one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if line[:1] == "`" or line[-1:] == "`" or line == "" else ""
    return f"{fence}{space}{line}{space}{fence}"


def _line(line: Spans) -> str:
    return "".join(_span(span, first=index == 0) for index, span in enumerate(line))


def _span(span: Span, first: bool = True) -> str:
    if span.style == "code":
        return code_span(span.text)
    text = literal(span.text) if first else _escaped(span.text)
    inner = text.strip()
    fence = {"strong": "**", "emphasis": "*"}.get(span.style, "") if inner else ""
    marked = text.replace(inner, f"{fence}{inner}{fence}") if fence else text
    return f"[{marked}](<{_address(span.link)}>)" if span.link else marked


def _address(link: str) -> str:
    return re.sub(r"[<>\s\\]", "", one_line(link))


@singledispatch
def written(block: object, numbered: Numbered) -> str:
    """One block, under its label."""
    raise TypeError(f"{type(block).__name__} is no block of a document")


@written.register
def _(block: Heading, numbered: Numbered) -> str:
    words = f"{numbered.label} {block.text}".strip()
    return f"{'#' * (block.level + 1)} {_escaped(words)}"


@written.register
def _(block: Paragraph, numbered: Numbered) -> str:
    return _line(block.line)


@written.register
def _(block: Items, numbered: Numbered) -> str:
    marks = (f"{n}." if block.numbered else "-" for n in range(1, len(block.lines) + 1))
    return "\n".join(f"{mark} {_line(line)}" for mark, line in zip(marks, block.lines, strict=True))


@written.register
def _(block: Table, numbered: Numbered) -> str:
    rule = [_ALIGNED[letter] for letter in block.align]
    cells = [[_cell(cell) for cell in row] for row in (block.head, *block.rows)]
    lines = [_row(cells[0]), _row(rule), *map(_row, cells[1:])]
    return "\n\n".join([_caption(numbered.label, block.caption, block.commands), "\n".join(lines)])


def _cell(cell: Cell) -> str:
    if isinstance(cell, Span) and cell.style == "code":  # there a bar would end even a code span
        return code_span(cell.text).replace("|", "\\|")
    return _span(cell) if isinstance(cell, Span) else literal(cell)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


@written.register
def _(block: Figure, numbered: Numbered) -> str:
    shown = " ".join(
        f"![{_escaped(numbered.label)}](<{_address(name)}>)" for name in block.pictures
    )
    return f"{shown}\n\n{_caption(numbered.label, block.caption, block.commands)}"


def _caption(label: str, caption: str, commands: Sequence[str]) -> str:
    made = "".join(f"  \n{code_span(command)}" for command in commands)
    return f"**{_escaped(label)}.** {_escaped(caption)}{made}"


@written.register
def _(block: Formula, numbered: Numbered) -> str:
    return f"$$\n{block.latex}\n$$"


@written.register
def _(block: Missing, numbered: Numbered) -> str:
    made = f"  \n> {code_span(block.command)}" if block.command else ""
    return f"> {literal(block.text)}{made}"


@written.register
def _(block: Blank, numbered: Numbered) -> str:
    return f"> **✎ {literal(block.label)}** {literal(block.prompt)}"
