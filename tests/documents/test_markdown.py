"""Markdown: whatever a name holds, it is shown as it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm.documents.document import Span, Table, code
from ddpm.documents.markdown import code_span, literal, one_line, to_markdown
from tests.documents.hostile import HOSTILE, whole

ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")  # CommonMark 2.4: any mark of ASCII can be escaped
ACTIVE = re.compile(r"[\\`*_{}\[\]<>#|$~!&^]")


@given(st.text())
def test_a_literal_reads_back_and_holds_nothing_active(text: str) -> None:
    marked = literal(text)
    assert ESCAPED.sub(r"\1", marked) == one_line(text)
    rest = ESCAPED.sub("", marked)
    assert not ACTIVE.search(rest) and "\n" not in rest
    assert not re.match(r"\s*([-+=]|\d+[.)](\s|$))", marked)  # opens no list, rule or heading


@given(st.text())
def test_a_code_span_closes_where_it_should(text: str) -> None:
    marked = code_span(text)
    opening = re.match("`+", marked)
    assert opening is not None
    inner = marked[len(opening[0]) : -len(opening[0])]
    assert opening[0] not in re.findall("`+", inner)  # CommonMark 6.1
    assert inner.strip(" ") == one_line(text).strip(" ")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_names_all_over_a_document(name: str) -> None:
    page = to_markdown(whole("pictures/a.png", name))
    without_code = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", page, flags=re.DOTALL)
    active = ESCAPED.sub("", without_code)
    assert "<b" not in active and "](http://x)" not in active and "$x" not in active
    assert len(re.findall(r"^#{1,4} ", page, re.MULTILINE)) == 4  # the title and three headings
    assert page.count("| :--- | ---: |") == 1
    assert len(re.findall(r"^\|", page, re.MULTILINE)) == 3


def test_an_address_cannot_leave_its_brackets() -> None:
    document = whole("pictures/a.png")
    span = Span("words", link="https://x/> [evil](http://y)")
    table = Table("c", ("h",), ((span,),), "l")
    page = to_markdown(type(document)("t", (), (table,)))
    assert "[words](<https://x/[evil](http://y)>)" in page


def test_a_bar_in_code_does_not_end_a_cell() -> None:
    table = Table("c", (code("a|b"),), (("x|y",),), "l")
    page = to_markdown(type(whole("a"))("t", (), (table,)))
    assert "| `a\\|b` |" in page and "| x\\|y |" in page


def test_a_picture_is_found_in_a_folder_of_any_name() -> None:
    page = to_markdown(whole("my figures/caf\udce9\n圖<1>.png"))
    assert "(<my%20figures/caf%E9%0A圖%3C1%3E.png>)" in page
