"""The author's words: read as they were written, and never made up."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm.commands.report.notes import own_chapter, read_notes, template
from ddpm.commands.report.words.languages import LANGUAGES, OWN, Words
from ddpm.documents.document import Blank, Block, Heading, Items, Paragraph, Span, plain, spans
from ddpm.errors import RequestError


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_untouched_template_leaves_every_box(language: str) -> None:
    notes = read_notes(template(Words(language)))
    assert notes.own == {} and notes.others == {}
    boxes = [b for b in own_chapter(Words(language), notes) if isinstance(b, Blank)]
    assert len(boxes) == len(OWN)
    assert all(box.label == Words(language)("own.label") for box in boxes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_written_below_a_heading_takes_the_place_of_its_box(language: str) -> None:
    words = Words(language)
    heading = f"# {words('own.conclusion')}"
    text = template(words).replace(heading, f"{heading}\n\nMine, and *only* mine.")
    blocks = list(own_chapter(words, read_notes(text)))
    assert sum(isinstance(block, Blank) for block in blocks) == len(OWN) - 1
    last = [block for block in blocks if isinstance(block, Paragraph)]
    assert last == [Paragraph(spans("Mine, and ", Span("only", "emphasis"), " mine."))]


def test_paragraphs_lists_and_smaller_headings() -> None:
    notes = read_notes(
        "## observations ##\r\nOne line\r\nand another.\r\n\r\n"
        "- first\r\n  goes on\r\n* second\r\n1. third\r\n"
        "### Detail\r\nwords\r\n\r\n## My own\r\ntext\r\n<!-- open comment"
    )
    assert notes.own["observations"] == [
        Paragraph(spans("One line and another.")),
        Items((spans("first goes on"),)),
        Items((spans("second"),)),  # another mark begins another list
        Items((spans("third"),), numbered=True),
        Heading("Detail", 3),
        Paragraph(spans("words")),
    ]
    assert notes.others == {"My own": [Paragraph(spans("text"))]}


def test_lists_inside_lists_and_paragraphs_of_an_item() -> None:
    assert observations("- a\n\n  b\n  1. c\n- d\n-\n") == [
        Items((spans("a b"), spans("c"), spans("d")))
    ]


def test_without_the_parser_a_written_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    assert read_notes(template(Words())).own == {}  # nothing to read yet
    with pytest.raises(
        RequestError, match=r"markdown-it-py: run pip install 'ddpm-studio\[report\]'"
    ):
        read_notes("# Conclusion\n\nIt works.")


def test_words_before_any_heading_are_observations() -> None:
    assert read_notes("just words").own == {"observations": [Paragraph(spans("just words"))]}


def observations(text: str) -> list[Block]:
    return read_notes(text).own["observations"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a **b** c", ["a ", Span("b", "strong"), " c"]),
        ("**4** 與 **9**", [Span("4", "strong"), " 與 ", Span("9", "strong")]),
        ("已經*隱約*可辨", ["已經", Span("隱約", "emphasis"), "可辨"]),
        ("_it_ and snake_case_name", [Span("it", "emphasis"), " and snake_case_name"]),
        ("2 * 3 * 4", ["2 * 3 * 4"]),
        ("``a`b`` c", [Span("a`b", "code"), " c"]),
        (r"\*no\* $x$ #y", ["*no* $x$ #y"]),
        ("[Ho](https://x.org/a) [no](file:///etc)", [Span("Ho", link="https://x.org/a"), " [no](file:///etc)"]),
        ("**open", ["**open"]),
        ("這是**重點。**後面", ["這是", Span("重點。", "strong"), "後面"]),
        ("這是*「引號」*後面", ["這是", Span("「引號」", "emphasis"), "後面"]),
        ("<b>a</b> &amp; ![b](c.png) | d", ["<b>a</b> &amp; ![b](c.png) | d"]),
    ],
)  # fmt: skip
def test_emphasis_code_and_links(text: str, parts: list[str | Span]) -> None:
    assert observations(text) == [Paragraph(spans(*parts))]


@given(st.text(alphabet=st.characters(blacklist_characters="\\`*_[]\r\n\0")))
def test_text_without_marks_is_kept_to_the_letter(text: str) -> None:
    assert observations(f"x {text}") == [Paragraph(spans(f"x {text}".strip()))]


@given(st.text(alphabet="ab *_`[]()#-1.\n<!>\\"))
def test_no_text_breaks_the_reader_and_no_word_is_lost(text: str) -> None:
    notes = read_notes(text)
    blocks = [b for found in (*notes.own.values(), *notes.others.values()) for b in found]
    shown = "".join(
        plain(block.line) if isinstance(block, Paragraph)
        else "".join(map(plain, block.lines)) if isinstance(block, Items)
        else block.text if isinstance(block, Heading) else ""
        for block in blocks
    )  # fmt: skip
    headings = "".join(notes.others)
    visible = re.sub(r"<!--.*?(-->|\Z)", "", text, flags=re.DOTALL)
    letters = re.findall("[ab]", shown + headings)
    assert len(letters) <= len(re.findall("[ab]", visible))
    if "#" not in text:
        assert letters == re.findall("[ab]", visible)
