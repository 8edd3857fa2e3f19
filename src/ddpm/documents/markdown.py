"""A document as GitHub-flavored Markdown; all its text is literal."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
    labeled_blocks,
)
from ddpm.terminal import escape

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|$~!&^])")
_OPENINGS = re.compile(r"^(\s*)([-+=]|\d+(?=[.)](?:\s|$)))")  # of a list, a rule or a heading
_ALIGNED = {"l": ":---", "r": "---:", "c": ":---:"}


def to_markdown(document: Document) -> str:
    """Return the whole file."""
    parts = [f"# {literal(document.title)}"]
    parts += ["  \n".join(literal(line) for line in document.lines)] if document.lines else []
    parts += [_block(label, block) for label, block in labeled_blocks(document)]
    return "\n\n".join(parts) + "\n"


def literal(text: str) -> str:
    """Return `text` on one line, escaped so that Markdown shows it as it is."""
    marked = _escaped(text)
    opened = _OPENINGS.match(marked)
    if opened is None:
        return marked
    end = opened.end()
    if opened[2].isdigit():
        return f"{marked[:end]}\\{marked[end:]}"
    return f"{opened[1]}\\{marked[len(opened[1]) :]}"


def _escaped(text: str) -> str:
    """Return `text` escaped for the middle of a line, where it cannot begin a list."""
    return _MARKS.sub(r"\\\1", one_line(text))


def one_line(text: str) -> str:
    """Return `text` without line breaks; control characters, bidi marks and surrogates are escaped."""
    return escape(re.sub(r"\s+", " ", text))


def code_span(text: str) -> str:
    """Return `text` between as many backticks as it needs."""
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


def _picture_address(name: str) -> str:
    """Return the relative address of a picture; other than letters, digits and ./- are percent-encoded."""
    return re.sub(r"[^\w./-]", lambda found: _percent_encoded(found[0]), name)


def _percent_encoded(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def _block(label: str, block: Block) -> str:
    """Return one block with its label, such as `2.1` or `Table 3`."""
    match block:
        case Heading(text, level):
            return f"{'#' * (level + 1)} {_escaped(f'{label} {text}'.strip())}"
        case Paragraph(line):
            return _line(line)
        case Items(lines, ordered):
            marks = [f"{n}." if ordered else "-" for n in range(1, len(lines) + 1)]
            return "\n".join(f"{m} {_line(line)}" for m, line in zip(marks, lines, strict=True))
        case Table():
            return f"{_caption(label, block.caption, block.commands)}\n\n{_table(block)}"
        case Figure(caption, pictures, _, commands, labels):
            named = labels or (label,) * len(pictures)
            shown = (
                f"![{_escaped(text)}](<{_picture_address(name)}>)"
                for text, name in zip(named, pictures, strict=True)
            )
            return f"{' '.join(shown)}\n\n{_caption(label, caption, commands)}"
        case Formula(_, latex):
            return f"$$\n{latex}\n$$"
        case Missing(text, command):
            return f"> {literal(text)}" + (f"  \n> {code_span(command)}" if command else "")
        case Blank(title, prompt):
            return f"> **✎ {literal(title)}** {literal(prompt)}"


def _table(table: Table) -> str:
    rows = [[_cell(cell) for cell in row] for row in (table.head, *table.rows)]
    rows.insert(1, [_ALIGNED[letter] for letter in table.align])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(cell: Cell) -> str:
    if isinstance(cell, Span) and cell.style == "code":  # a bar ends even a code span there
        return code_span(cell.text).replace("|", "\\|")
    return _span(cell) if isinstance(cell, Span) else literal(cell)


def _caption(label: str, caption: str, commands: Sequence[str]) -> str:
    made = "".join(f"  \n{code_span(command)}" for command in commands)
    return f"**{_escaped(label)}.** {_escaped(caption)}{made}"
