"""What every plot shares: words in any script, drawn with what is installed."""

from __future__ import annotations

import pytest
from PIL import Image

from ddpm.visuals.figures import add_legend_above, add_note, add_title, new_figure, render


def picture(title: str) -> Image.Image:
    figure = new_figure(2.0)
    add_title(figure.subplots(), title)
    return render(figure)


def test_chinese_and_japanese_titles_are_drawn_and_not_boxes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Distinct characters give distinct pictures, which boxes would not."""
    pictures = {picture(title).tobytes() for title in ("圖", "片", "犬", "é")}
    assert len(pictures) == 4 and capsys.readouterr().err == ""


def test_characters_without_a_font_are_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        picture("run \U000f1234: loss")
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: no installed font has ") and "(U+F1234)" in line


def test_whatever_a_name_holds_can_be_drawn() -> None:
    assert (
        picture("a\x1b[31m\u202e\udce9").tobytes() == picture("a\\x1b[31m\\u202e\\udce9").tobytes()
    )


@pytest.mark.parametrize("letter", ["n", "W ", "圖"])
def test_a_long_name_does_not_squeeze_the_plot(letter: str) -> None:
    """The axes keep their place: a name of 200 characters is shortened in the middle."""
    places = []
    for name in ("short", letter * 200):
        figure = new_figure(2.0)
        axes = figure.subplots()
        add_title(axes, f"{name}: loss")
        add_note(figure, name)
        add_legend_above(figure, [axes.plot([0, 1])[0]], [name])
        render(figure)
        places.append(axes.get_position().bounds)
        titles = [axes.title.get_text(), axes.get_title(loc="left")]
    assert titles[1].endswith(": loss") and "…" in titles[1]
    assert places[0] == pytest.approx(places[1], abs=0.02)
