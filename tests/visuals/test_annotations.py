"""Text around a grid: wrapped, truncated, never cut off."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ddpm.visuals.annotations import annotate, text_width, truncate_text, wrap_text
from ddpm.visuals.layout import fit_layout
from tests.examples import examples

WORDS = st.lists(st.text("abmwé–×σ", min_size=1, max_size=12), max_size=12).map(" ".join)


@settings(deadline=None, max_examples=examples(40))
@given(text=WORDS, width=st.integers(1, 300))
def test_wrapped_lines_keep_every_word_and_fit(text: str, width: int) -> None:
    lines = wrap_text(text, width)
    assert " ".join(lines) == text
    assert all(text_width(line) <= width for line in lines if " " in line)


@settings(deadline=None, max_examples=examples(40))
@given(text=st.text("abmwé", min_size=1, max_size=30), width=st.integers(1, 300))
def test_truncated_text_is_the_longest_beginning_that_fits(text: str, width: int) -> None:
    short = truncate_text(text, width)
    assert text_width(short) <= width
    if short == text:
        return
    kept = short.removesuffix("…")
    assert text.startswith(kept)
    assert text_width(f"{text[: len(kept) + 1]}…") > width


def test_a_narrow_picture_grows_for_a_long_caption() -> None:
    layout = fit_layout(1, 1, (8, 8), scale=1)
    sheet = annotate(Image.new("L", (8, 8)), layout, caption="a caption of several plain words")
    pixels = np.asarray(sheet)
    assert sheet.width >= 100
    assert (pixels[8:, -1] == 255).all() and (pixels[-2:] == 255).all()  # nothing cut off


def test_titles_stand_centered_above_their_columns_and_beside_their_rows() -> None:
    layout = fit_layout(2, 3, (60, 60), scale=1)
    picture = Image.new("L", layout.size[::-1], 255)
    sheet = annotate(
        picture, layout, column_titles=["0 %", "50 %", "100 %"], row_titles=["one", "two"]
    )
    dark = np.asarray(sheet) < 200
    left, top = sheet.width - picture.width, sheet.height - picture.height
    for column in range(3):
        start = left + column * 62
        inked = np.flatnonzero(dark[:top, start : start + 60].any(axis=0))
        assert abs((inked[0] + inked[-1]) / 2 - 29.5) <= 1.5
    for row in range(2):
        start = top + row * 62
        inked = np.flatnonzero(dark[start : start + 60, :left].any(axis=1))
        assert abs((inked[0] + inked[-1]) / 2 - 29.5) <= 3
    assert not dark[top:, left:].any()


def test_without_words_the_picture_is_unchanged() -> None:
    layout = fit_layout(1, 1, (9, 7), scale=2)
    picture = Image.new("RGB", layout.size[::-1], "#123456")
    assert annotate(picture, layout).tobytes() == picture.tobytes()


def test_chinese_captions_are_drawn_and_not_boxes() -> None:
    layout = fit_layout(1, 1, (8, 8), scale=1)

    def drawn(text: str) -> bytes:
        sheet = annotate(Image.new("L", (8, 8)), layout, row_titles=[text], caption=f"label {text}")
        return sheet.tobytes()

    assert len({drawn(text) for text in ("圖", "片", "犬", "a\udce9", "a\x1b")}) == 5
    assert text_width("圖 a") > text_width("圖") > text_width("a") > 0


def test_a_row_title_of_200_letters_leaves_room_for_the_images() -> None:
    layout = fit_layout(1, 1, (64, 64), scale=1)
    sheet = annotate(Image.new("L", (64, 64)), layout, row_titles=["n" * 200], caption="m" * 200)
    assert sheet.width < 64 + text_width("n" * 42) + text_width("m" * 20)
