"""Panels: every image is shown, whole, below its title."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.annotations import text_width
from ddpm.visuals.panels import GridPanel, arrange, panel_columns, save_grid_panels, truncate_title
from tests.visuals.gray_images import flat, pixels

LONG = "a-run-whose-name-goes-on-and-on-without-a-space-and-beyond-the-end-of-any-picture-we-make"
DRAWN = "ancestral, 1000 steps, guidance 1.6; seeds 0–24"


def areas(path: Path, value: int) -> int:
    """How many pixels have exactly this gray value."""
    found = pixels(path)
    return int((found == value).all(axis=-1).sum() if found.ndim == 3 else (found == value).sum())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("entries", [2, 3, 5])
def test_every_panel_shows_all_its_images(tmp_path: Path, entries: int, channels: int) -> None:
    shown = [
        GridPanel(LONG if i else "real", flat([20 * i + j + 70 for j in range(4)], channels), DRAWN)
        for i in range(entries + 1)
    ]
    save_grid_panels(tmp_path / "a.png", shown, 2, 2, note="below")
    side = 8 * round(380 / 16)
    for panel in shown:
        for image in panel.images:
            assert areas(tmp_path / "a.png", int(image[0, 0, 0])) >= side * side
    assert pixels(tmp_path / "a.png").shape[1] <= 1600


def test_panels_stand_in_order_with_space_between_them() -> None:
    blocks = [Image.new("L", (10 + i, 20), 50 * i) for i in range(4)]
    sheet = np.asarray(arrange(blocks, 2, space=6))
    assert sheet.shape == (46, 32)
    corners = [(0, 0), (0, 19), (26, 0), (26, 19)]
    assert [sheet[corner] for corner in corners] == [0, 50, 100, 150]
    assert (sheet[:, 13:19] == 255).all() and (sheet[20:26] == 255).all()


def test_up_to_three_panels_stand_side_by_side_and_four_in_a_square() -> None:
    assert [panel_columns(n) for n in (1, 2, 3, 4, 5, 6, 7)] == [1, 2, 3, 2, 3, 3, 3]


def test_titles_are_cut_to_their_panel() -> None:
    cut = truncate_title(LONG, 300)
    assert cut.endswith("…") and LONG.startswith(cut[:-1])
    assert text_width(cut) * 16 / 14 <= 300


def test_panels_of_different_images_are_refused(tmp_path: Path) -> None:
    mixed = [GridPanel("a", flat([1])), GridPanel("b", flat([1], size=9))]
    for wrong in ([], mixed):
        with pytest.raises(RequestError, match="same shape"):
            save_grid_panels(tmp_path / "a.png", wrong, 1, 1)
