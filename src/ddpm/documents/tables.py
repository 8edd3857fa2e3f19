"""Numbers in words, and tables of them: Markdown, CSV, and aligned text for a terminal."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

NOTHING = "–"


def number(value: float | None) -> str:
    """Three significant digits without an exponent, `12.3`, `0.0415`, `60,800`; – for none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(decimals, 0), 6)}f}"


def whole(value: int | None) -> str:
    """`60,800`; – for none."""
    return NOTHING if value is None else f"{value:,}"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """`12.3 [11.8, 12.9]`."""
    if value is None or low is None or high is None:
        return number(value)
    return f"{number(value)} [{number(low)}, {number(high)}]"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are taken literally: neither a | nor a * nor a $ in a name does harm."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[escaped(cell) if line is not lines[1] else cell for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def escaped(text: str) -> str:
    """Words in Markdown: the characters that would mean something are marked as themselves."""
    one_line = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\|*_`<$[]~" else c for c in one_line)


def csv_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Comma-separated; an empty cell for None."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([head, *rows])
    return buffer.getvalue()


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns two spaces apart; those in `right` are set to the right, as numbers are."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def short(text: str, letters: int) -> str:
    """`text`, or its beginning and an ellipsis."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
