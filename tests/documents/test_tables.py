"""Numbers in words, and tables that nothing in a name can break."""

from __future__ import annotations

import csv
import io
import math

import pytest

from ddpm.documents.tables import (
    aligned_table,
    csv_table,
    escape_markdown,
    format_count,
    format_interval,
    format_number,
    markdown_table,
)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (12.345, "12.3"), (0.041523, "0.0415"), (60800, "60,800"), (1234567.8, "1,234,568"), (0, "0"),
        (-0.5, "-0.500"), (1e-9, "0.000000"), (None, "–"), (math.nan, "–"), (math.inf, "–"),
    ],
)  # fmt: skip
def test_a_number_has_three_digits_and_no_exponent(value: float | None, words: str) -> None:
    assert format_number(value) == words


def test_intervals_and_whole_numbers() -> None:
    assert format_interval(12.34, 11.8, 12.94) == "12.3 [11.8, 12.9]"
    assert format_interval(12.34, None, None) == "12.3" and format_interval(None, 1, 2) == "–"
    assert format_count(60800) == "60,800" and format_count(None) == "–"


def test_a_markdown_table_takes_every_cell_literally() -> None:
    table = markdown_table(["a|b", "c"], [["*x* `y`", "line\nbreak"], ["$1_2$", "\\"]])
    assert table.splitlines() == [
        r"| a\|b | c |",
        "| --- | --- |",
        r"| \*x\* \`y\` | line break |",
        r"| \$1\_2\$ | \\ |",
    ]
    assert escape_markdown("FD-digits (n=9)") == "FD-digits (n=9)"


def test_csv_reads_back() -> None:
    rows = [["a, b", 1.5, None], ['say "x"', 2, "z"]]
    found = list(csv.reader(io.StringIO(csv_table(["n", "v", "w"], rows))))
    assert found == [["n", "v", "w"], ["a, b", "1.5", ""], ['say "x"', "2", "z"]]


def test_columns_line_up() -> None:
    text = aligned_table(["", "n"], [["short", "1"], ["much longer", "1,000"]], right=[1])
    assert text.splitlines() == ["                 n", "short            1", "much longer  1,000"]


def test_names_that_are_not_utf8_are_written_escaped() -> None:
    name = "caf\udce9 \x1b\u202e"
    assert csv_table(["entry"], [[name], [1]]) == "entry\ncaf\\udce9 \\x1b\\u202e\n1\n"
    markdown = escape_markdown(name)
    assert markdown == "caf\\\\udce9 \\\\x1b\\\\u202e" and markdown.isascii()
