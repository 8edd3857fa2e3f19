"""What every plot shares: words in any script, drawn with what is installed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ddpm.visuals import figures
from ddpm.visuals.figures import add_title, new_figure, render


def picture(title: str) -> Image.Image:
    figure = new_figure(2.0)
    add_title(figure.subplots(), title)
    return render(figure)


def test_letters_that_no_face_has_are_drawn_as_boxes_without_a_warning() -> None:
    plain, with_names = picture("run : loss"), picture("run 圖片é: loss")  # warnings are errors
    assert not np.array_equal(np.asarray(plain), np.asarray(with_names))


def test_installed_faces_stand_behind_the_plots_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FALLBACK_FONTS", ("DejaVu Serif", "No Such Face"))
    figures._font_families.cache_clear()
    try:
        assert figures._font_families() == ["DejaVu Sans", "DejaVu Serif"]
        picture("größe")  # a face that is not there would be warned of
    finally:
        figures._font_families.cache_clear()
