"""Quality against cost, read from the figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ddpm.visuals.tradeoffs import TradeoffChart, TradeoffPoint, save_tradeoff_plot, tradeoff_figure

FEW, MANY = TradeoffPoint(4, 8.0, 90.0, 80.0, 100.0), TradeoffPoint(20, 41.0, 15.0, 12.0, 20.0)
WALK = TradeoffPoint(1700, 3400.0, 21.0, 17.0, 28.0)
WHOLE = TradeoffChart(
    "FD-digits", {"ddim": [FEW, MANY], "$unipc$": [FEW]}, (6.0, 5.0, 7.0), ("recommended: ddim", MANY),
    ("ancestral, 1000 steps", WALK), "a note",
)  # fmt: skip


def lines(axes, label):
    return [line for line in axes.get_lines() if line.get_label() == label]


def test_both_panels_show_the_same_quality_over_their_own_cost() -> None:
    left, right = tradeoff_figure(WHOLE).axes
    for axes, cost in ((left, [4, 20]), (right, [8, 41])):
        (curve,) = lines(axes, "ddim")
        assert list(curve.get_xdata()) == cost
        assert list(curve.get_ydata()) == [90, 15]
        (ring,) = lines(axes, "recommended: ddim")
        assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (cost[1], 15)
        assert axes.get_xscale() == axes.get_yscale() == "log"
    (star,) = lines(left, "ancestral, 1000 steps")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (1700, 21)
    assert left.get_ylim() == right.get_ylim()
    assert "evaluations" in left.get_xlabel() and "milliseconds" in right.get_xlabel()


def test_intervals_and_floor_stand_behind_the_curves() -> None:
    left, _ = tradeoff_figure(WHOLE).axes
    spans = [list(line.get_ydata()) for line in left.get_lines()]
    assert [80, 100] in spans and [12, 20] in spans and [17, 28] in spans
    assert list(lines(left, "floor (real images)")[0].get_ydata()) == [6, 6]
    assert len(left.patches) == 1  # the floor's band


def test_the_legend_stands_once_and_literally() -> None:
    figure = tradeoff_figure(WHOLE)
    (legend,) = figure.legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words == [
        "floor (real images)", "ddim", "$unipc$", "ancestral, 1000 steps", "recommended: ddim",
    ]  # fmt: skip
    assert not any(text.get_parse_math() for text in legend.get_texts())
    assert not any(axes.get_legend() for axes in figure.axes)


def test_a_distance_that_reaches_zero_stays_off_the_logarithmic_axis(tmp_path: Path) -> None:
    nothing = TradeoffPoint(50, 90.0, -0.1, -0.3, 0.2)
    kernel = TradeoffChart("KID", {"ddim": [FEW, nothing]}, (0.0, -0.1, 0.1), ("here", FEW))
    save_tradeoff_plot(tmp_path / "kid.png", kernel)
    with Image.open(tmp_path / "kid.png") as picture:
        assert picture.size[0] == 1200
    assert list(lines(tradeoff_figure(kernel).axes[0], "ddim")[0].get_xdata()) == [4]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_the_picture_is_written(tmp_path: Path, suffix: str) -> None:
    save_tradeoff_plot(tmp_path / f"lab.{suffix}", WHOLE)
    assert (tmp_path / f"lab.{suffix}").stat().st_size > 10_000
