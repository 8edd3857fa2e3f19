"""Rating forms that people fill in."""

from __future__ import annotations

import pytest

from ddpm.commands.compare.forms import pair_form, picture_form, read_form
from ddpm.errors import RequestError

KEY = "0123456789abcdef" * 4


def filled(form: str, *answers: str) -> bytes:
    """`form` with what a person writes behind the first numbers."""
    lines = form.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("1,"))
    for i, answer in enumerate(answers):
        lines[first + i] = f"{i + 1},{answer}"
    return "\n".join(lines).encode()


def test_a_filled_form_reads_back_with_its_key_and_gaps() -> None:
    form = read_form(filled(picture_form(KEY, 4, ask_real=True), "y,5", "No,", ",3.0", ","))
    assert form.key == KEY
    assert form.real == {1: 1.0, 2: 0.0}
    assert form.quality == {1: 5.0, 3: 3.0}
    assert form.left == {}
    pairs = read_form(filled(pair_form(KEY, 3), "left", "R", ""))
    assert pairs.left == {1: 1.0, 2: 0.0} and pairs.key == KEY


def test_without_real_images_the_form_does_not_ask_for_them() -> None:
    text = picture_form(KEY, 2, ask_real=False)
    assert "number,quality\n1,\n2,\n" in text and "real:" not in text
    assert read_form(filled(text, "4")).quality == {1: 4.0}


@pytest.mark.parametrize(
    "content",
    [
        "number;real;quality\r\n2;y;4\r\n".encode("utf-8-sig"),
        b"Number\tReal\tQuality\n2\ty\t4\n\n",
        b'"# sheet.png: key x",,\n"number","real","quality"\n"2","yes","4"\n,,\n',
        "# 註解\nnumber,quality,real,remark\n2,4,是,很好\n".encode(),
        "# 註解\nnumber,quality,real\n2,4,1\n".encode("cp950"),
    ],
)
def test_what_spreadsheets_make_of_it_is_understood(content: bytes) -> None:
    form = read_form(content)
    assert (form.real, form.quality, form.key) == ({2: 1.0}, {2: 4.0}, None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a form"),
        (b"\xff\xd8\xff\xe0 a picture", "is not a form"),
        (b"number,remark\n1,nice\n", "is not a form"),
        (b"number,real,quality\n1,,\n", "no answers in it yet"),
        (b"number,real,quality\n1,maybe,\n", "says real 'maybe' of picture 1; use y or n"),
        (b"number,real,quality\n7,,9\n", "'9' of picture 7; use a whole number from 1 to 5"),
        (b"number,real,quality\n7,,2.5\n", "use a whole number from 1 to 5"),
        (b"pair,better\n3,both\n", "'both' of pair 3; use left or right"),
        (b"number,quality\n3,4\n3,5\n", "answers number 3 twice"),
        (b"number,quality\nthree,4\n", "'three', which is not a number"),
    ],
)
def test_bad_forms_are_refused_with_the_reason(content: bytes, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        read_form(content)
