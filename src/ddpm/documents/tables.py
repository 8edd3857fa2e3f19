"""Formatted numbers, and tables as Markdown, CSV and aligned text for a terminal."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from ddpm.terminal import escape

NO_VALUE = "–"


def format_number(value: float | None) -> str:
    """Return three significant digits without an exponent: `12.3`, `0.0415`, `60,800`; – for None."""
    if value is None or not math.isfinite(value):
        return NO_VALUE
    if value == 0:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(decimals, 0), 6)}f}"


def format_count(value: int | None) -> str:
    """Return a count such as `60,800`; – for None."""
    return NO_VALUE if value is None else f"{value:,}"


def format_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return a value with its interval: `12.3 [11.8, 12.9]`."""
    if value is None or low is None or high is None:
        return format_number(value)
    return f"{format_number(value)} [{format_number(low)}, {format_number(high)}]"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with all cells escaped."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [
        [escape_markdown(cell) if line is not lines[1] else cell for cell in line] for line in lines
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def escape_markdown(text: str) -> str:
    """Return text on one line with the special characters of Markdown escaped."""
    one_line = escape(" ".join(text.split()))
    return "".join(f"\\{c}" if c in "\\|*_`<$[]~" else c for c in one_line)


def csv_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return comma-separated values, escaped; None becomes an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in (head, *rows):
        writer.writerow([escape(cell) if isinstance(cell, str) else cell for cell in row])
    return buffer.getvalue()


def aligned_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()
) -> str:
    """Return columns two spaces apart; those in `right` are right-aligned."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
