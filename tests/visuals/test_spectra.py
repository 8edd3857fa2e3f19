"""Spectra, read from the figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.visuals.spectra import save_spectra_plot, spectra_figure

REAL = np.array([1e9, 100.0, 50.0, 20.0, 10.0])  # the mean comes first and is left out


def test_power_and_share_are_drawn_over_the_cycles() -> None:
    figure = spectra_figure(REAL, ["a", "b"], [REAL / 2, REAL * 2])
    left, right = figure.axes
    real, a, b = left.get_lines()
    assert real.get_xdata().tolist() == [1, 2, 3, 4]
    assert real.get_ydata() == pytest.approx(REAL[1:])
    assert b.get_ydata() == pytest.approx(2 * REAL[1:])
    shares = {line.get_color(): line.get_ydata() for line in right.get_lines()[1:3]}
    assert shares[a.get_color()] == pytest.approx([0.5] * 4)
    assert shares[b.get_color()] == pytest.approx([2] * 4)
    assert [line.get_ydata() for line in right.get_lines() if line.is_dashed()] == [[0.5, 0.5]]


def test_the_legend_names_the_real_images_first_and_literally() -> None:
    figure = spectra_figure(REAL, ["$a$ and $b$", "c"], [REAL, REAL])
    texts = figure.legends[0].get_texts()
    assert [text.get_text() for text in texts] == ["real images", "$a$ and $b$", "c"]
    assert not any(text.get_parse_math() for text in texts)


def test_a_spectrum_without_power_or_far_too_much_keeps_the_others_in_view(tmp_path: Path) -> None:
    figure = spectra_figure(REAL, ["none", "noise"], [0 * REAL, 1e6 * REAL])
    assert figure.axes[1].get_ylim() == pytest.approx((0.05, 20))
    save_spectra_plot(tmp_path / "a.png", REAL, ["none", "noise"], [0 * REAL, 1e6 * REAL])
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1200, 600)
