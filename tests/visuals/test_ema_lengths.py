"""A distance against the length of the average, read from the figure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ddpm.visuals.ema_lengths import (
    EmaLengthChart,
    EmaLengthPoint,
    ema_length_figure,
    save_ema_length_plot,
)

SHORT, LONG = EmaLengthPoint(0.03, 31.0, 28.0, 34.0), EmaLengthPoint(0.1, 25.0, 23.0, 27.0)
OWN = EmaLengthPoint(0.09, 26.0, 24.0, 28.0)
WHOLE = EmaLengthChart("FD-digits", [SHORT, LONG], OWN, (6.0, 5.0, 7.0), LONG, "a $note$")


def points(axes, label):
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return list(zip(line.get_xdata(), line.get_ydata(), strict=True))


def test_every_average_stands_at_its_length_and_the_smallest_is_ringed() -> None:
    (axes,) = ema_length_figure(WHOLE).axes
    assert points(axes, "post-hoc EMA") == [(0.03, 31.0), (0.1, 25.0)]
    assert points(axes, "the run's EMA") == [(0.09, 26.0)]
    assert points(axes, "smallest distance") == [(0.1, 25.0)]
    assert [y for _, y in points(axes, "floor (real images)")] == [6.0, 6.0]
    spans = [list(line.get_ydata()) for line in axes.get_lines()]
    assert all(list(one[2:]) in spans for one in (SHORT, LONG, OWN))
    assert axes.get_xscale() == axes.get_yscale() == "log" and axes.get_ylabel() == "FD-digits"


def test_weights_that_were_not_averaged_are_a_line() -> None:
    last = OWN._replace(length=0.0)
    (axes,) = ema_length_figure(replace(WHOLE, run_ema=last, chosen=last)).axes
    assert [y for _, y in points(axes, "the run's last weights")] == [26.0, 26.0]
    with pytest.raises(ValueError, match="not enough values"):
        points(axes, "smallest distance")


def test_a_picture_is_written(tmp_path: Path) -> None:
    save_ema_length_plot(tmp_path / "a.png", WHOLE)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 1000
