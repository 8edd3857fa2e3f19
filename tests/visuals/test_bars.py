"""Bars, read from the figure: lengths, intervals, the floor, one color an entry, no two words overlapping."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from ddpm.visuals.bars import Bar, BarPanel, ClassShares, bars_figure, save_bars_plot
from ddpm.visuals.style import COLOR_CYCLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = [
    "mnist-with-a-name-that-somebody-made-far-longer-than-any-legend-can-hold",
    "dcgan",
    "a $ and another $",
    "folder of images",
    "e",
]
LONG = "FID (Inception-v3, n=10000, train ref) of some more words"


def panels(count: int, entries: int) -> list[BarPanel]:
    return [
        BarPanel(
            LONG if i == 1 else f"metric {i}",
            [
                Bar(10.0**i * (j + 1), 10.0**i * j, 10.0**i * (j + 2), f"{j}")
                for j in range(entries)
            ],
            ("lower", "higher", "real")[i % 3],
            (10.0**i, 0.0, 10.0**i * 2),
            winner=0 if i == 2 else None,
        )
        for i in range(count)
    ]


def words(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other, or stand outside the figure."""
    figure.draw_without_rendering()
    texts = [
        t for a in figure.axes for t in [*a.texts, *a.get_xticklabels(), a.title, a._left_title]
    ]
    texts += [text for found in figure.legends for text in found.get_texts()]
    shown = [t for t in texts if t.get_text() and t.get_visible()]
    boxes = [t.get_window_extent() for t in shown]
    pairs = [
        (shown[i].get_text(), shown[j].get_text())
        for i, j in itertools.combinations(range(len(shown)), 2)
        if boxes[i].padded(-1).overlaps(boxes[j].padded(-1))
    ]
    whole = figure.bbox.padded(1)
    out = [t.get_text() for t, b in zip(shown, boxes, strict=True) if b.x1 > whole.x1 or b.x0 < 0]
    return [*pairs, *((text, "outside") for text in out)]


def test_a_bar_is_as_long_as_its_value_and_its_line_as_its_interval() -> None:
    figure = bars_figure(["a", "b"], [BarPanel("x", [Bar(3, 2, 5, "3.0"), Bar(7, 6, 9, "7.0")])])
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [3, 7]
    assert [list(line.get_xdata()) for line in axes.get_lines()] == [[2, 5], [6, 9]]
    assert words(axes) == ["3.0", "7.0"]
    assert axes.get_xlim()[0] == 0 and axes.get_xlim()[1] > 9


def test_an_entry_has_one_color_in_all_panels_and_in_the_legend() -> None:
    figure = bars_figure(["a", "b"], panels(3, 2))
    (legend,) = figure.legends
    handles = [handle.get_facecolor()[:3] for handle in legend.legend_handles]
    assert handles == [to_rgb(color) for color in COLOR_CYCLE[:2]]
    for axes in figure.axes:
        bars = [patch for patch in axes.patches if patch.get_height() == 0.72]
        assert [bar.get_facecolor()[:3] for bar in bars] == handles


def test_the_floor_is_a_dashed_line_in_its_band_and_the_winner_has_a_star() -> None:
    panel = BarPanel(
        "x", [Bar(3, 2, 4, "3"), Bar(5, 4, 6, "5")], "higher", (2.5, 2.0, 3.0), winner=1
    )
    (axes,) = bars_figure(["a", "b"], [panel]).axes
    dashed = [line for line in axes.get_lines() if line.is_dashed()]
    assert [line.get_xdata()[0] for line in dashed] == [2.5]
    band = next(patch for patch in axes.patches if patch.get_height() == 1)
    assert (band.get_x(), band.get_width()) == (2.0, 1.0)
    assert words(axes) == ["3", "★ 5"]
    assert axes.get_title(loc="left") == "x ↑"


def test_values_below_zero_and_missing_ones() -> None:
    (axes,) = bars_figure(["a", "b"], [BarPanel("x", [Bar(-2, -3, 1, "-2"), Bar(None)])]).axes
    assert [bar.get_width() for bar in axes.patches] == [-2]
    assert axes.get_xlim()[0] == -3
    assert words(axes) == ["-2", " none"]


def test_shares_stand_side_by_side_above_their_group() -> None:
    shares = ClassShares(
        "classes", ["0", "1"], [[Bar(0.1), Bar(0.9)], [Bar(0.5), Bar(0.4)]], [0.4, 0.6]
    )
    axes = bars_figure(["a", "b"], panels(1, 2), shares).axes[-1]
    assert [bar.get_height() for bar in axes.patches] == [0.1, 0.9, 0.5, 0.4]
    centers = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    assert centers == pytest.approx([-0.2, 0.8, 0.2, 1.2])
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [[0.4, 0.4], [0.6, 0.6]]


@pytest.mark.parametrize("entries", [2, 3, 5])
def test_no_words_overlap_with_long_names_and_many_metrics(entries: int) -> None:
    bars = [[Bar(0.1 * i) for i in range(10)]] * entries
    shares = ClassShares("classes", [str(i) for i in range(10)], bars, [0.1] * 10)
    figure = bars_figure(NAMES[:entries], panels(7, entries), shares, "two lines\nof small print")
    assert overlapping(figure) == []
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[0][20] == "…" and len(legend[0]) == 40
    assert legend[1:] == NAMES[1:entries]


def test_it_is_written_as_a_picture(tmp_path: Path) -> None:
    save_bars_plot(tmp_path / "a.png", NAMES, panels(4, 5), note="note")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == 1200
